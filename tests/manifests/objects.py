"""Rendered manifests as parsed objects, and the questions that rules ask of them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.manifests.services import Made

Object = dict[str, Any]

# The one in C, where PyYAML was built with it: ten times as fast.
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAME_LABEL: Final = "app.kubernetes.io/name"
OPERATORS: Final = "replay"
"""The app-id of commands for operators, which run as Jobs."""
SERVERS: Final = frozenset({"kafka", "postgres"})
"""StatefulSets of the overlay for Minikube: programs of others, by their public images."""


def ident(thing: Object) -> str:
    """How an object is called in messages: `Kind/name`."""
    metadata = thing.get("metadata")
    return f"{thing.get('kind')}/{metadata.get('name') if isinstance(metadata, dict) else None}"


def labels(thing: Object) -> dict[str, str]:
    """The labels of an object, or of a pod template."""
    return dict((thing.get("metadata") or {}).get("labels") or {})


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template.

    Attributes:
        owner: the Deployment, StatefulSet or Job that makes pods of it.
        template: itself.
    """

    owner: Object
    template: Object

    @property
    def name(self) -> str:
        """How its owner is called in messages."""
        return ident(self.owner)

    @property
    def spec(self) -> Object:
        """What runs in it."""
        found: Object = self.template["spec"]
        return found

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return dict((self.template.get("metadata") or {}).get("annotations") or {})

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return labels(self.template)

    @property
    def app_id(self) -> str | None:
        """By what name Dapr knows it; `None` without a sidecar."""
        return self.annotations.get("dapr.io/app-id") if self.has_sidecar else None

    @property
    def has_sidecar(self) -> bool:
        """Whether Dapr's injector puts a sidecar into it."""
        return self.annotations.get("dapr.io/enabled") == "true"

    @property
    def is_server(self) -> bool:
        """Whether it is Kafka or Postgres."""
        return self.owner["kind"] == "StatefulSet" and self.owner["metadata"]["name"] in SERVERS

    def containers(self) -> list[Object]:
        """Those that run beside each other, after those that run first."""
        return [*(self.spec.get("initContainers") or []), *self.spec["containers"]]


class Objects:
    """All objects that a kustomization is rendered to.

    Attributes:
        services: which have to be among them.
    """

    def __init__(self, things: list[Object], services: tuple[Made, ...] = ()) -> None:
        self.things = things
        self.services = services

    @classmethod
    def parse(cls, text: str, services: tuple[Made, ...] = ()) -> "Objects":
        """Those of a stream of YAML documents."""
        return cls([thing for thing in yaml.load_all(text, Loader=LOADER) if thing is not None], services)

    def copy(self) -> "Objects":
        """As many of the same, to be changed."""
        return Objects(deepcopy(self.things), self.services)

    def __iter__(self) -> Iterator[Object]:
        return iter(self.things)

    def __len__(self) -> int:
        return len(self.things)

    @property
    def names_of_services(self) -> set[str]:
        """What the services are called: their Deployments and app-ids."""
        return {service.name for service in self.services}

    @property
    def own(self) -> set[str]:
        """Services with code of their own."""
        return {service.name for service in self.services if not service.serves}

    @property
    def readers(self) -> set[str]:
        """App-ids that read the log past Dapr, and a secret for it."""
        return self.serving("projector") | {OPERATORS}

    def serving(self, *members: str) -> set[str]:
        """Services that serve one of these members of LearnFlow."""
        return {service.name for service in self.services if service.serves & {*members}}

    def of(self, *kinds: str) -> list[Object]:
        """All of these kinds."""
        return [thing for thing in self.things if thing.get("kind") in kinds]

    def get(self, kind: str, name: str) -> Object | None:
        """The one of this kind and name."""
        return next((thing for thing in self.of(kind) if thing["metadata"]["name"] == name), None)

    def names(self, *kinds: str) -> set[str]:
        """What those of these kinds are called."""
        return {thing["metadata"]["name"] for thing in self.of(*kinds)}

    def pods(self) -> list[Pod]:
        """All pod templates."""
        return [Pod(thing, thing["spec"]["template"]) for thing in self.of("Deployment", "StatefulSet", "Job")]

    def apps(self) -> list[Pod]:
        """The pod templates of Deployments: LearnFlow's services."""
        return [pod for pod in self.pods() if pod.owner["kind"] == "Deployment"]

    def sidecars(self) -> list[Pod]:
        """The pod templates that get a sidecar."""
        return [pod for pod in self.pods() if pod.has_sidecar]

    def component(self, name: str) -> dict[str, Any]:
        """The metadata of a Dapr component, by name; empty if there is none."""
        found = self.get("Component", name)
        entries = [] if found is None else found["spec"].get("metadata") or []
        return {entry["name"]: entry.get("value", entry.get("secretKeyRef")) for entry in entries}


def selects(selector: Object | None, of: dict[str, str]) -> bool:
    """Whether a label selector selects what bears these labels; `None` selects nothing, an empty one everything."""
    if selector is None:
        return False
    matching = selector.get("matchLabels") or {}
    return all(of.get(key) == value for key, value in matching.items()) and all(
        _meets(expression, of) for expression in selector.get("matchExpressions") or []
    )


def _meets(expression: Object, of: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return of.get(key) in values
        case "NotIn":
            return of.get(key) not in values
        case "Exists":
            return key in of
        case "DoesNotExist":
            return key not in of
    raise ValueError(f"no such operator: {expression['operator']}")
