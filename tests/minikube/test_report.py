"""The report says the same in each of its forms, and all of it."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from deploy.minikube.verification.findings import Finding, Mark, Statement, Verdict
from deploy.minikube.verification.report import Report, as_json, finding_text, markdown, summary_text, verdict
from tests.minikube.test_findings import FINDINGS, IDS, NEEDED

REPORTS = st.builds(
    Report,
    where=st.just("somewhere"),
    began=st.just(datetime(2026, 1, 31, tzinfo=UTC)),
    seconds=st.floats(0, 1000),
    findings=FINDINGS,
    needed=NEEDED,
)


def _finding(*statements: Statement) -> Finding:
    return Finding(name="one", title="One is.", covers=("FR-001",), statements=statements, seconds=1.25)


@given(report=REPORTS)
def test_json_has_every_requirement_and_every_statement(report: Report) -> None:
    said = json.loads(as_json(report))
    assert said["green"] is report.green
    assert sorted(one["id"] for one in said["requirements"]) == IDS
    assert [one["verdict"] for one in said["requirements"]] == [one.verdict.value for one in report.standings]
    assert [
        (one["name"], one["green"], [(statement["mark"], statement["text"]) for statement in one["statements"]])
        for one in said["checks"]
    ] == [
        (one.name, one.green, [(statement.mark.value, statement.text) for statement in one.statements])
        for one in report.findings
    ]


@given(report=REPORTS)
def test_markdown_has_a_row_for_each_requirement_and_an_item_for_each_statement(report: Report) -> None:
    lines = markdown(report).split("\n")
    assert lines[-1] == ""
    for standing in report.standings:
        (row,) = [line for line in lines if line.startswith(f"| {standing.requirement.id} ")]
        assert f"| {standing.verdict.value} |" in row
    assert len([line for line in lines if line.startswith("- ")]) == sum(len(one.statements) for one in report.findings)
    red = [one for one in report.findings if not one.green]
    assert len([line for line in lines if line.startswith("## ") and line.endswith(": RED")]) == len(red)


@given(report=REPORTS)
def test_the_verdict_names_what_is_red_and_what_was_not_tried(report: Report) -> None:
    said = verdict(report)
    assert ("RED:" in said) is any(not one.green for one in report.findings)
    tried = {Verdict.MET, Verdict.NOT_MET}
    untried = [one.requirement.id for one in report.standings if one.verdict not in tried]
    assert said.endswith(f" Not tried, or not by all checks: {', '.join(untried)}.") is bool(untried)
    assert summary_text(report).endswith(said)


def test_a_finding_in_text_shows_each_statement_with_its_sign() -> None:
    finding = _finding(Statement(Mark.HOLDS, "yes"), Statement(Mark.NOTE, "by the way"), Statement(Mark.FAILS, "no"))
    assert finding_text(finding).splitlines() == [
        "RED  one: One is. (1.2 s)",
        "     + yes",
        "       by the way",
        "     ! no",
    ]


def test_markdown_takes_no_text_for_markup() -> None:
    report = Report(
        where="x",
        began=datetime(2026, 1, 31, tzinfo=UTC),
        seconds=1,
        findings=[_finding(Statement(Mark.HOLDS, "<b>[a](b)* of\ntwo lines"))],
        needed={},
    )
    assert "- \\<b>\\[a](b)\\* of two lines\n" in markdown(report)
