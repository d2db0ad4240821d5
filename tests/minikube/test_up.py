"""What bringing it up decides before it asks the cluster anything."""

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.minikube import control_plane, deployment, secrets
from deploy.minikube.errors import CommandFailed, Lacking
from deploy.minikube.tools import Tools, run


def test_everything_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Lacking) as missing:
        Tools("minikube").check()
    for program in ("minikube", "kubectl", "helm"):
        assert any(program in one and "https://" in one for one in missing.value.what)


def test_a_failure_says_what_was_run_and_what_it_said() -> None:
    with pytest.raises(CommandFailed) as failed:
        run(["sh", "-c", "echo it is so >&2; exit 7"])
    assert (failed.value.status, failed.value.said) == (7, "it is so")


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(CommandFailed, match=r"did not end within 0\.1 s"):
        run(["sleep", "60"], seconds=0.1)


def test_every_secret_that_a_manifest_names_is_made() -> None:
    made = {name for names in secrets._GROUPS for name in names}
    overlay = yaml.safe_load_all(
        "---\n".join(path.read_text(encoding="utf-8") for path in deployment.OVERLAY.glob("*.yaml"))
    )
    services = [
        document
        for path in deployment.SERVICES.glob("*/kubernetes/*.yaml")
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    named = _named_secrets([*overlay, *services])
    assert named
    assert named <= made
    for names, invent in secrets._GROUPS.items():
        assert set(invent()) == set(names)


def test_server_and_clients_get_the_same_password_and_each_cluster_its_own() -> None:
    first, second = secrets._kafka(), secrets._kafka()
    password = first["kafka"]["sasl.password"]
    assert f'user_learnflow="{password}"' in first["kafka-server"]["jaas"]
    assert password != second["kafka"]["sasl.password"]
    made = secrets._postgres()
    assert f"password={made['postgres-server']['password']} " in made["postgres"]["connectionString"]
    tokens = secrets._tokens()
    assert tokens["app-api-token"] != tokens["dapr-api-token"]


def test_a_kustomization_is_taken_with_other_images() -> None:
    images = {"learnflow/projector": "registry.example.com:5000/learnflow/projector:abc"}
    with deployment.with_images(deployment.OVERLAY, images) as folder:
        written = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        (resource,) = written["resources"]
        assert (folder / resource).resolve() == deployment.OVERLAY
    new = "registry.example.com:5000/learnflow/projector"
    assert written["images"] == [{"name": "learnflow/projector", "newName": new, "newTag": "abc"}]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("configmap/learnflow unchanged\ncomponent.dapr.io/events unchanged\n", False),
        ("configmap/learnflow created\ndeployment.apps/projector configured\n", False),
        ("service/kafka unchanged\nconfigmap/learnflow configured\n", True),
        ("component.dapr.io/events configured", True),
        ("subscription.dapr.io/learnflow-projector configured\n", True),
    ],
)
def test_what_is_read_only_at_the_start_restarts_those_that_have_read_it(said: str, *, changed: bool) -> None:
    assert deployment.changes_what_was_read(said) is changed


def test_dapr_is_asked_for_what_the_file_of_values_says() -> None:
    values = yaml.safe_load(control_plane.VALUES.read_text(encoding="utf-8"))
    assert {(part, name): value for part, found in values.items() for name, value in found.items()} == (
        control_plane.WANTED
    )


def _named_secrets(found: object) -> set[str]:
    if isinstance(found, list):
        return set().union(*map(_named_secrets, found))
    if not isinstance(found, dict):
        return set()
    own = {found["secretKeyRef"]["name"]} if "secretKeyRef" in found else set()
    own |= {value for key, value in found.items() if key.startswith("dapr.io/") and key.endswith("-token-secret")}
    return own.union(*map(_named_secrets, found.values()))
