"""All rules, and for which deployments each is."""

from collections.abc import Iterator
from typing import Final

from tests.manifests.breaking import Breaking, Policies, Rule
from tests.manifests.kustomizations import BASE, JOBS, MINIKUBE, PRODUCTION
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


def held() -> Iterator[tuple[str, Rule]]:
    """Each rule, with each place where it holds."""
    return iter(dict.fromkeys((place, rule) for places, table in TABLES for place in places for rule in table))


def broken() -> Iterator[tuple[str, Rule, str, Breaking]]:
    """Each rule, with a place and each way to break it there; the way is also said in words."""
    for places, table in TABLES:
        for rule, ways in table.items():
            for what, breaking in ways.items():
                # Once is enough to see that a rule sees it; where it holds is the other test's business.
                yield places[-1], rule, what, breaking
