"""What findings say about requirements, and how checks that break off are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.minikube.verification.check import Check, carry_out, needed_for
from deploy.minikube.verification.cluster import Cluster
from deploy.minikube.verification.errors import NotThere
from deploy.minikube.verification.findings import (
    KNOWN_IDS,
    Finding,
    Mark,
    Notebook,
    Statement,
    Verdict,
    all_green,
    standings,
)
from deploy.minikube.verification.kubectl import Kubectl
from deploy.minikube.verification.scene import Addresses, Scene

IDS: Final = sorted(KNOWN_IDS)
SOME_STATEMENTS: Final = st.lists(st.builds(Statement, st.sampled_from(Mark), st.text(max_size=5)), max_size=4)
FINDINGS: Final = st.lists(
    st.builds(
        Finding,
        name=st.text("abc", min_size=1, max_size=3),
        title=st.just("It is."),
        covers=st.lists(st.sampled_from(IDS), max_size=5, unique=True).map(tuple),
        statements=SOME_STATEMENTS.map(tuple),
        seconds=st.just(0.0),
    ),
    max_size=6,
    unique_by=lambda finding: finding.name,
)
NEEDED: Final = st.dictionaries(st.sampled_from(IDS), st.frozensets(st.text("abc", min_size=1, max_size=3), max_size=3))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    nowhere = Kubectl(context="none", namespace="none")
    return Scene(Cluster(nowhere), Addresses("http://127.0.0.1:9", "http://127.0.0.1:9"), tmp_path)


@given(statements=SOME_STATEMENTS)
def test_a_finding_is_green_if_something_holds_and_nothing_fails(statements: list[Statement]) -> None:
    finding = Finding(name="x", title="X.", covers=(), statements=tuple(statements), seconds=0)
    marks = [statement.mark.value for statement in statements]
    assert finding.green is (marks.count("holds") > 0 and marks.count("fails") == 0)


@given(findings=FINDINGS, needed=NEEDED)
def test_a_requirement_is_met_if_all_that_is_needed_was_tried_and_nothing_is_red(
    findings: list[Finding], needed: dict[str, frozenset[str]]
) -> None:
    found = {standing.requirement.id: standing for standing in standings(findings, needed)}
    assert list(found) == [one for one in found if one in KNOWN_IDS]
    assert found.keys() == KNOWN_IDS
    for requirement, standing in found.items():
        speaking = {finding.name: finding.green for finding in findings if requirement in finding.covers}
        assert set(standing.by) == speaking.keys()
        if False in speaking.values():
            assert standing.verdict is Verdict.NOT_MET
        elif not speaking:
            assert standing.verdict is Verdict.NOT_TRIED
        else:
            tried = needed.get(requirement, frozenset()) - speaking.keys()
            assert standing.verdict is (Verdict.PARTLY_TRIED if tried else Verdict.MET)


@given(findings=FINDINGS)
def test_all_is_green_if_something_was_looked_at_and_none_is_red(findings: list[Finding]) -> None:
    assert all_green(findings) is (len(findings) > 0 and [one for one in findings if not one.green] == [])


def test_a_statement_that_does_not_hold_says_what_was_found_instead() -> None:
    see = Notebook()
    assert see.holds(condition=True, text="one is more")
    assert not see.holds(condition=False, text="none is more", else_="it is less")
    assert see.statements == [
        Statement(Mark.HOLDS, "one is more"),
        Statement(Mark.FAILS, "not so: none is more; it is less"),
    ]


def _raise(error: Exception) -> Callable[[Scene, Notebook], None]:
    def look(_: Scene, see: Notebook) -> None:
        see.holds(condition=True, text="so far so good")
        raise error

    return look


@pytest.mark.parametrize(
    "error", [NotThere("nothing there"), KeyError("status"), TypeError("no list"), ValueError("x")]
)
def test_a_check_that_breaks_off_is_red_and_keeps_what_it_saw(scene: Scene, error: Exception) -> None:
    finding = carry_out(Check("breaks", "It breaks.", ("FR-001",), _raise(error)), scene)
    assert not finding.green
    assert [statement.mark for statement in finding.statements] == [Mark.HOLDS, Mark.FAILS]
    assert str(error) in finding.statements[-1].text


def test_a_check_that_sees_nothing_is_red(scene: Scene) -> None:
    assert not carry_out(Check("blind", "It is blind.", ("FR-001",), lambda *_: None), scene).green


def test_needed_are_the_checks_that_speak_for_a_requirement() -> None:
    checks = [Check(name, name, covers, lambda *_: None) for name, covers in (("a", ("X", "Y")), ("b", ("Y",)))]
    assert needed_for(checks) == {"X": {"a"}, "Y": {"a", "b"}}
