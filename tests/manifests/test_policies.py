"""Every rule holds for every deployment, and sees each of the ways in which it could be broken."""

from collections.abc import Iterator
from typing import Final

import pytest

from deploy.manifests.provision import ManifestTools
from tests.manifests.breaking import Breaking, Policies, Rule
from tests.manifests.kustomizations import BASE, JOBS, MINIKUBE, PRODUCTION, rendered
from tests.manifests.policies import dapr, identity, lifecycle, log, network, pods, references, replaying, room, scaling

EVERYWHERE: Final = (*JOBS, BASE, MINIKUBE, PRODUCTION)
# The same rule may be broken in more ways in one place than in another.
TABLES: Final[tuple[tuple[tuple[str, ...], Policies], ...]] = (
    (EVERYWHERE, pods.POLICIES),
    (EVERYWHERE, lifecycle.POLICIES),
    (EVERYWHERE, identity.POLICIES),
    (EVERYWHERE, dapr.POLICIES),
    (EVERYWHERE, scaling.POLICIES),
    (EVERYWHERE, log.POLICIES),
    (EVERYWHERE, network.POLICIES),
    (EVERYWHERE, references.POLICIES),
    (("jobs/replay",), replaying.POLICIES),
    ((BASE, MINIKUBE), dapr.POLICIES_WITHOUT_TLS),
    ((MINIKUBE,), log.POLICIES_ON_MINIKUBE),
    ((MINIKUBE,), network.POLICIES_ON_MINIKUBE),
    ((MINIKUBE,), references.POLICIES_ON_MINIKUBE),
    ((MINIKUBE,), room.POLICIES_ON_MINIKUBE),
    ((BASE, MINIKUBE), scaling.POLICIES_ON_MINIKUBE),
    ((PRODUCTION,), dapr.POLICIES_IN_PRODUCTION),
    ((PRODUCTION,), log.POLICIES_IN_PRODUCTION),
    ((PRODUCTION,), network.POLICIES_IN_PRODUCTION),
    ((PRODUCTION,), references.POLICIES_IN_PRODUCTION),
    ((PRODUCTION,), scaling.POLICIES_IN_PRODUCTION),
)


def _held() -> Iterator[tuple[str, Rule]]:
    return iter(dict.fromkeys((place, rule) for places, table in TABLES for place in places for rule in table))


def _broken() -> Iterator[tuple[str, Rule, str, Breaking]]:
    for places, table in TABLES:
        for rule, ways in table.items():
            for what, breaking in ways.items():
                # Once is enough to see that a rule sees it; where it holds is the other test's business.
                yield places[-1], rule, what, breaking


@pytest.mark.parametrize(("place", "rule"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in _held()])
def test_holds(manifest_tools: ManifestTools, place: str, rule: Rule) -> None:
    assert manifest_tools.kustomize.is_file()
    assert not rule(rendered(place)), rule.__doc__


@pytest.mark.parametrize(
    ("place", "rule", "breaking"),
    [pytest.param(place, rule, how, id=f"{rule.__name__}-{what}") for place, rule, what, how in _broken()],
)
def test_is_seen_to_be_broken(manifest_tools: ManifestTools, place: str, rule: Rule, breaking: Breaking) -> None:
    assert manifest_tools.kustomize.is_file()
    whole = rendered(place)
    copy = whole.copy()
    breaking(copy)
    assert set(rule(copy)) - set(rule(whole))


def test_every_rule_can_be_broken() -> None:
    for _, table in TABLES:
        for rule, ways in table.items():
            assert ways, rule.__name__
            assert rule.__doc__, rule.__name__
