"""Every annotation for Dapr's injector is one that it reads, with a value that it understands."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.manifests.provision import ManifestTools
from tests.manifests.annotations import Injector, NotUnderstood, annotations
from tests.manifests.kustomizations import ALL, MINIKUBE, rendered
from tests.manifests.objects import Objects


@pytest.fixture(scope="module")
def injector(manifest_tools: ManifestTools) -> Injector:
    """Dapr's, by its source."""
    return Injector.of(manifest_tools.definitions.injector)


def changed(key: str, value: str) -> Objects:
    """A deployment of which one pod template has another annotation."""
    copy = rendered(MINIKUBE).copy()
    course_agent = copy.get("Deployment", "course-agent")
    assert course_agent is not None
    annotations(course_agent)[key] = value
    return copy


@pytest.mark.parametrize("place", ALL)
def test_annotations_are_known(injector: Injector, place: str) -> None:
    assert not injector.faults(rendered(place))


def test_there_are_annotations(injector: Injector) -> None:
    said = {key for pod in rendered(MINIKUBE).pods() for key in pod.annotations if key.startswith("dapr.io/")}
    assert {"dapr.io/enabled", "dapr.io/app-id", "dapr.io/block-shutdown-duration"} <= said <= injector.kinds.keys()


USED: Final = ("enabled", "app-port", "block-shutdown-duration", "enable-app-health-check", "sidecar-memory-limit")


@given(data=st.data())
def test_a_slip_of_the_pen_is_seen(injector: Injector, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(USED))
    index = data.draw(st.integers(0, len(name) - 1))
    key = f"dapr.io/{name[:index]}{data.draw(st.sampled_from(['', 'x', '--']))}{name[index + 1 :]}"
    if key not in injector.kinds:
        assert f"Deployment/course-agent {key}: Dapr's injector knows no such annotation" in injector.faults(
            changed(key, "true")
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        # To the injector these are all false, or not there.
        ("dapr.io/enabled", "True "),
        ("dapr.io/enable-app-health-check", "enabled"),
        ("dapr.io/app-port", "http"),
        ("dapr.io/app-port", "-1"),
        ("dapr.io/graceful-shutdown-seconds", "10s"),
        ("dapr.io/block-shutdown-duration", "25"),
        ("dapr.io/app-health-probe-timeout", "2s"),
        ("dapr.io/sidecar-memory-limit", "256MB"),
        ("dapr.io/log-level", "verbose"),
        ("dapr.io/app-id", ""),
    ],
)
def test_a_value_that_it_does_not_understand_is_seen(injector: Injector, key: str, value: str) -> None:
    assert any(fault.startswith(f"Deployment/course-agent {key}: ") for fault in injector.faults(changed(key, value)))


def test_one_that_is_not_on_the_pods_is_seen(injector: Injector) -> None:
    copy = rendered(MINIKUBE).copy()
    copy.of("Deployment")[0]["metadata"]["annotations"] = {"dapr.io/enabled": "true"}
    assert [fault for fault in injector.faults(copy) if fault.endswith("belongs to the pod template")]


@pytest.mark.parametrize(
    "source",
    ["", 'Enabled bool `json:"e" annotation:"dapr.io/enabled"`', '\tEnabled complex `annotation:"dapr.io/enabled"`\n'],
)
def test_a_source_that_looks_otherwise_is_refused(tmp_path: Path, source: str) -> None:
    file = tmp_path / "sidecar.go"
    file.write_text(source, encoding="utf-8")
    with pytest.raises(NotUnderstood):
        Injector.of(file)
