"""Every object of every kustomization is valid, and whatever is done to one of them is seen."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.manifests.provision import ManifestTools
from tests.manifests.crd_schemas import NotUnderstood, strict
from tests.manifests.kustomizations import ALL, MINIKUBE, PRODUCTION, rendered
from tests.manifests.objects import Object, ident
from tests.manifests.schemas import Schemas

Path = tuple[str | int, ...]
DAPR: Final = {"Component", "Configuration", "Resiliency", "Subscription"}
KEDA: Final = {"ScaledObject", "TriggerAuthentication"}


@pytest.fixture(scope="module")
def schemas(manifest_tools: ManifestTools) -> Schemas:
    """Those of Kubernetes, Dapr and KEDA."""
    return Schemas(manifest_tools.definitions.crds)


@pytest.fixture(scope="module")
def deployed(manifest_tools: ManifestTools) -> list[Object]:
    """All objects of the overlays."""
    assert manifest_tools.kustomize.is_file()
    return [thing for place in (MINIKUBE, PRODUCTION) for thing in rendered(place)]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in an object: fields and entries, and the object itself."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from places(inner, (*path, key))


def at(thing: Any, path: Path) -> Any:
    """What is at a place."""
    for key in path:
        thing = thing[key]
    return thing


def takes_anything(thing: Object, path: Path) -> bool:
    """Whether any value will do: the value of a setting of a Dapr component, which only the component understands."""
    return thing["kind"] == "Component" and path[:2] == ("spec", "metadata") and path[-1] == "value"


@pytest.mark.parametrize("place", ALL)
def test_manifests_are_valid(schemas: Schemas, place: str) -> None:
    things = list(rendered(place))
    assert things
    assert not [fault for thing in things for fault in schemas.faults(thing)]


def test_custom_kinds_are_among_them(schemas: Schemas, deployed: list[Object]) -> None:
    assert {kind for _, kind in schemas.kinds} >= DAPR | KEDA | {"Deployment", "NetworkPolicy", "Namespace"}
    assert {thing["kind"] for thing in deployed} >= {"Component", "Configuration", "Resiliency", *KEDA}


@given(data=st.data())
def test_an_unknown_field_is_seen_wherever_it_is(schemas: Schemas, deployed: list[Object], data: st.DataObject) -> None:
    thing = deepcopy(data.draw(st.sampled_from(deployed), "object"))
    path = data.draw(st.sampled_from([path for path in places(thing) if isinstance(at(thing, path), dict)]), "where")
    at(thing, path)["unheardOf"] = {"inner": []}
    assert schemas.faults(thing)


@given(data=st.data())
def test_a_value_of_another_type_is_seen(schemas: Schemas, deployed: list[Object], data: st.DataObject) -> None:
    thing = deepcopy(data.draw(st.sampled_from(deployed), "object"))
    path = data.draw(st.sampled_from([path for path in places(thing) if path and not takes_anything(thing, path)]))
    before = at(thing, path)
    others = [other for other in ("text", [["list"]], {"un": ["heard", "of"]}, None) if type(other) is not type(before)]
    # Where text would do as well: a port by its name, a quantity.
    others = [other for other in others if not (isinstance(other, str) and isinstance(before, int))]
    at(thing, path[:-1])[path[-1]] = data.draw(st.sampled_from(others), "instead")
    assert schemas.faults(thing)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("spec", "replicas"), "two", "$.spec.replicas: 'two' is not of type 'integer'"),
        (("spec", "replicas"), 2**31, "$.spec.replicas: 2147483648 is not a 'int32'"),
        (
            ("spec", "template", "spec", "containers", 0, "imagePullPolicy"),
            "Sometimes",
            "imagePullPolicy: 'Sometimes' ",
        ),
        (("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"), "64MB", "memory: '64MB' does"),
        (("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"), 80000, "containerPort: 80000 is "),
        (
            ("spec", "template", "spec", "restartPolicy"),
            "Now",
            "$.spec.template.spec.restartPolicy: 'Now' is not one of",
        ),
        (("spec", "template", "metadata", "labels", "app.kubernetes.io/name"), "no label", "'no label' does not match"),
        (("spec", "template", "metadata", "labels", "no key"), "x", "'no key' does not match"),
        (("metadata", "name"), "Course_Agent", "$.metadata.name: 'Course_Agent' does not match"),
        (("metadata", "creationTimestamp"), "yesterday", "'yesterday' is not a 'date-time'"),
        (("spec", "selector"), None, "$.spec.selector: None is not of type 'object'"),
        (("apiVersion",), "apps/v2", "Deployment/course-agent: no such kind: apps/v2 Deployment"),
    ],
)
def test_what_is_wrong_and_where_is_said(schemas: Schemas, path: Path, value: object, said: str) -> None:
    thing = deepcopy(rendered(MINIKUBE).get("Deployment", "course-agent"))
    assert thing is not None
    at(thing, path[:-1])[path[-1]] = value
    faults = schemas.faults(thing)
    assert any(said in fault for fault in faults), faults
    assert all(fault.startswith(ident(thing)) for fault in faults)


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "course-agent", ("spec", "selector")),
        ("Deployment", "course-agent", ("spec", "template", "spec", "containers")),
        ("Deployment", "course-agent", ("metadata", "name")),
        ("Service", "course-agent", ("spec", "ports", 0, "port")),
        ("Component", "events", ("spec", "type")),
        ("ScaledObject", "projector", ("spec", "triggers")),
        ("ScaledObject", "projector", ("metadata",)),
    ],
)
def test_what_is_missing_is_seen(schemas: Schemas, deployed: list[Object], kind: str, name: str, path: Path) -> None:
    found = next(thing for thing in deployed if ident(thing) == f"{kind}/{name}")
    thing = deepcopy(found)
    del at(thing, path[:-1])[path[-1]]
    assert any("is a required property" in fault for fault in schemas.faults(thing))


def test_an_entry_that_is_there_twice_is_seen(schemas: Schemas) -> None:
    thing = deepcopy(rendered(MINIKUBE).get("Deployment", "course-agent"))
    assert thing is not None
    container = thing["spec"]["template"]["spec"]["containers"][0]
    container["env"].append({"name": container["env"][0]["name"], "value": "another"})
    assert len(schemas.faults(thing)) == 1
    container["ports"].append({"containerPort": container["ports"][0]["containerPort"], "protocol": "TCP"})
    assert len(schemas.faults(thing)) == 2


def test_what_a_definition_says_that_nobody_understands_is_refused() -> None:
    assert strict({"type": "object"}) == {"type": "object", "additionalProperties": False}
    with pytest.raises(NotUnderstood, match="oneOf"):
        strict({"type": "object", "properties": {"a": {"oneOf": []}}})
    with pytest.raises(NotUnderstood, match="anyOf"):
        strict({"anyOf": [{"type": "string"}]})
