"""Every rule holds for every deployment, and sees each of the ways in which it could be broken."""

import pytest

from deploy.manifests.provision import ManifestTools
from tests.manifests.breaking import Breaking, Rule
from tests.manifests.kustomizations import rendered
from tests.manifests.rules import TABLES, broken, held
from tests.manifests.services import ADVICE


@pytest.mark.parametrize(("place", "rule"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in held()])
def test_holds(manifest_tools: ManifestTools, place: str, rule: Rule) -> None:
    assert manifest_tools.kustomize.is_file()
    whole = rendered(place)
    own = f"\n\nHere is code of its own: {', '.join(sorted(whole.own))}; {ADVICE}" if whole.own else ""
    assert not rule(whole), f"{rule.__doc__}{own}"


@pytest.mark.parametrize(
    ("place", "rule", "breaking"),
    [pytest.param(place, rule, how, id=f"{rule.__name__}-{what}") for place, rule, what, how in broken()],
)
def test_is_seen_to_be_broken(manifest_tools: ManifestTools, place: str, rule: Rule, breaking: Breaking) -> None:
    assert manifest_tools.kustomize.is_file()
    whole = rendered(place)
    copy = whole.copy()
    breaking(copy)
    assert set(rule(copy)) - set(rule(whole))


def test_every_rule_can_bebroken() -> None:
    for _, table in TABLES:
        for rule, ways in table.items():
            assert ways, rule.__name__
            assert rule.__doc__, rule.__name__
