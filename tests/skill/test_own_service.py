"""A service with code of its own: what it is made of, that it is its author's, and that it runs without a sidecar."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]

from deploy.stack.daprd import RESOURCES
from learnflow.own_service import OwnService, Parts, open_dapr
from learnflow.settings import AppSettings, DaprSettings, Settings
from sidecar.errors import SidecarUnavailable
from tests.deadlines import eventually
from tests.servers import environment
from tests.skill.running import running
from tests.skill.scaffolding import ROOT, SCRIPT, SERVICES, check_style, files, generated, run, script

SUMMARIES: Final = {
    "short": "Asks.",
    "one line": f"{'wor ' * 25}wo.",
    "a line of its own": f"{'wor ' * 26}wo.",
    "two lines": f"{'wor ' * 49}.",
    "quotes": 'Says "hi".',
    "both quotes": "It's \"a\" 'quiz'.",
    "backslash": "Back\\slash.",
}


def components(service: Path) -> dict[str, Any]:
    """The components of a service, by type."""
    found = [yaml.safe_load(content) for path, content in files(service).items() if path.startswith("dapr/components")]
    return {one["spec"]["type"]: one for one in found if one["kind"] == "Component"}


def settings(component: dict[str, Any]) -> dict[str, Any]:
    """The settings of a component that are written down in it."""
    return {one["name"]: one["value"] for one in component["spec"]["metadata"] if "value" in one}


def test_it_has_code_and_tests_and_components(own: Path) -> None:
    made = files(own)
    assert {"main.py", "README.md", "Dockerfile", "dapr/kustomization.yaml", "tests/test_service.py"} <= made.keys()
    assert {f"quiz_agent/{name}.py" for name in ("__init__", "agent", "api", "handler", "learner", "service")} == {
        path for path in made if path.startswith("quiz_agent/")
    }
    assert b"QuizAgent" in made["quiz_agent/agent.py"]


@pytest.mark.parametrize("summary", SUMMARIES.values(), ids=SUMMARIES)
def test_its_code_is_in_the_style_of_the_project_whatever_it_is_called(checkout: Path, summary: str) -> None:
    for name in ("a-agent", f"{'x' * 34}-agent"):
        given = {"summary": summary, "title": summary[:60].strip()}
        made = script(checkout).scaffold(name, given, checkout / SERVICES.name)
        check_style(name, files(made))
        code = ast.parse((made / name.replace("-", "_") / "service.py").read_text(encoding="utf-8"))
        said = {
            word.arg: word.value.value
            for call in ast.walk(code)
            if isinstance(call, ast.Call)
            for word in call.keywords
            if isinstance(word.value, ast.Constant)
        }
        assert (said["summary"], said["title"]) == (summary, summary[:60].strip())


def test_its_types_are_right(own: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "types", own / "quiz_agent", own / "tests"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(own)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.process
def test_its_own_tests_pass(own: Path) -> None:
    result = run("pytest", own.relative_to(own.parents[1]), cwd=own.parents[1])
    assert result.returncode == 0, result.stdout


@pytest.mark.process
@pytest.mark.parametrize(
    ("path", "right", "wrong", "noticed"),
    [
        ("learner.py", "if record.offset <= learner.positions.get(record.partition, -1)", "if False", "bounded"),
        ("learner.py", "if event.fingerprint in learner.recent", "if False", "appended_or_delivered"),
        (
            "learner.py",
            "learner.positions.get(record.partition, -1)",
            "max(learner.positions.values(), default=-1)",
            "each_partition",
        ),
        ("learner.py", 'extra="forbid"', 'extra="ignore"', "document_of_a_newer_image"),
        ("learner.py", ', extra="ignore"', "", "document_of_a_newer_image"),
        ("handler.py", "None if before is None else before.etag", "None", "two_owners"),
        ("handler.py", "return False", "return True", "not_be_written and StateConflict"),
        ("handler.py", "return Verdict.RETRY", "return Verdict.SETTLED", "not_be_written and Unavailable"),
        ("handler.py", "if rejected.reason is Reason.UNKNOWN_VERSION", "if False", "newer_than_this_image"),
        ("service.py", "trouble=handler.trouble,", "", "newer_than_this_image"),
        ("agent.py", "if summary.summary_id == asked.summary_id", "if False", "a_summary_is_made_once"),
        ("agent.py", "[*remembered.summaries, summary][-REMEMBERED:]", "[summary]", "a_summary_is_made_once"),
        ("api.py", '"/learners/{learner_id}"', '"/learner/{learner_id}"', "readme"),
    ],
)
def test_its_own_tests_notice_what_is_broken(own: Path, path: str, right: str, wrong: str, noticed: str) -> None:
    file = own / "quiz_agent" / path
    code = file.read_text(encoding="utf-8")
    assert code.count(right) == 1
    file.write_text(code.replace(right, wrong), encoding="utf-8")
    result = run("pytest", own.relative_to(own.parents[1]), "-k", noticed, cwd=own.parents[1])
    assert result.returncode == 1, result.stdout
    assert "1 failed" in result.stdout


def test_it_shares_neither_group_nor_tables_with_other_services(own: Path) -> None:
    of_others = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for folder in RESOURCES for path in folder.glob("*.yaml")
    ]
    others = [one for one in of_others if one["kind"] == "Component"]
    found = components(own)
    assert found.keys() == {"pubsub.kafka", "state.postgresql"}
    assert not {one["metadata"]["name"] for one in found.values()} & {one["metadata"]["name"] for one in others}
    for one in found.values():
        assert one["scopes"] == ["quiz-agent"]
    log, state = settings(found["pubsub.kafka"]), settings(found["state.postgresql"])
    used = [settings(one) for one in others]
    assert log["consumerGroup"] == "quiz-agent"
    assert log["consumerGroup"] not in {one.get("consumerGroup") for one in used}
    assert (log["publishingScopes"], log["subscriptionScopes"]) == ("quiz-agent=", "quiz-agent=learnflow.events")
    for name in ("tablePrefix", "metadataTableName"):
        assert state[name].startswith("quiz_agent_")
        assert state[name] not in {one.get(name) for one in used}
    assert state["actorStateStore"] == "true"


def test_its_log_component_loses_nothing_just_as_the_projectors(own: Path) -> None:
    mine = settings(components(own)["pubsub.kafka"])
    events = yaml.safe_load((RESOURCES[0] / "events.yaml").read_text(encoding="utf-8"))
    differ = {"consumerGroup", "publishingScopes", "subscriptionScopes", "compression"}
    assert {name: value for name, value in mine.items() if name not in differ} == {
        name: value for name, value in settings(events).items() if name not in differ
    }


def test_its_kustomization_names_all_of_its_components(own: Path) -> None:
    listed = yaml.safe_load((own / "dapr/kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted(f"components/{path.name}" for path in (own / "dapr/components").iterdir())


def test_made_again_it_keeps_what_its_author_wrote(own: Path) -> None:
    before = files(own)
    written = {path for path in before if path not in generated(before, "quiz-agent")}
    assert {"README.md", "quiz_agent/learner.py", "tests/test_learner.py", "dapr/components/state.yaml"} <= written
    for path in before:
        (own / path).write_bytes(before[path] + b"\n# changed by hand\n")
    (own / "quiz_agent/more.py").write_text("more = 1\n", encoding="utf-8")
    (own / "dapr/components/state.yaml").unlink()
    result = run("python", SCRIPT, "quiz-agent", "--port", "8010", cwd=own.parents[1])
    assert (result.returncode, result.stderr) == (0, "")
    assert "template does not make" not in result.stdout
    after = files(own)
    assert b"changed by hand" not in b"".join(generated(after, "quiz-agent").values())
    assert {path for path in written if after[path] != before[path] + b"\n# changed by hand\n"} == {
        "dapr/components/state.yaml"
    }
    assert after["dapr/components/state.yaml"] == before["dapr/components/state.yaml"]
    assert after["quiz_agent/more.py"] == b"more = 1\n"


def test_answers_that_do_not_reach_what_is_its_authors_are_told(own: Path) -> None:
    again = ("python", SCRIPT, "quiz-agent", "--summary", "Asks more.")
    told = [line for line in run(*again, cwd=own.parents[1]).stdout.splitlines() if "yours" in line]
    assert told == [
        "quiz-agent: quiz_agent/service.py and README.md are yours and keep the summary they have; change it there"
    ]
    assert b"Asks more." in (own / "Dockerfile").read_bytes()
    assert b"Asks more." not in (own / "README.md").read_bytes()
    # Nothing is said that was said already, and nothing of what reaches all there is.
    for options in ((), ("--summary", "Asks more."), ("--port", "8011")):
        assert "yours" not in run("python", SCRIPT, "quiz-agent", *options, cwd=own.parents[1]).stdout


async def test_its_agents_can_talk_to_a_model() -> None:
    service = OwnService(
        name="quiz-agent", title="Quiz", summary="Asks.", pubsub="log", state_store="state", make=lambda _: parts()
    )
    app = AppSettings(api_token="shown")  # noqa: S106 - of nobody
    async with open_dapr(service, Settings(conversation="llm"), DaprSettings(), app) as ports:
        assert ports.conversation.name == "llm"
    async with open_dapr(service, Settings(), DaprSettings(), app) as ports:
        with pytest.raises(SidecarUnavailable, match="none is configured"):
            await ports.conversation.converse([], timeout_seconds=1)


def parts() -> Parts:
    """Nobody asks for them."""
    raise NotImplementedError


def test_its_code_is_not_replaced_by_serving_what_is_there(own: Path) -> None:
    before = files(own)
    result = run("python", SCRIPT, "quiz-agent", "--serves", "projector", cwd=own.parents[1])
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("scaffold: ")
    assert result.stderr.count("\n") == 1
    assert files(own) == before


def test_files_that_the_template_does_not_make_are_told(checkout: Path) -> None:
    (checkout / SERVICES.name / "projector/old.yaml").touch()
    result = run("python", SCRIPT, "--all", cwd=checkout)
    told = [line for line in result.stdout.splitlines() if "template does not make" in line]
    assert told == ["projector: the template does not make old.yaml; delete it if nobody needs it"]


@pytest.mark.parametrize("name", ["quiz", "agent", "progress-agent", "quiz-1-agent", f"{'q' * 35}-agent"])
def test_a_name_that_others_would_stumble_over_is_refused(checkout: Path, name: str) -> None:
    before = files(checkout)
    scaffolding = script(checkout)
    into = checkout / SERVICES.name
    with pytest.raises(scaffolding.Refused, match="'serves': must not be empty"):
        scaffolding.scaffold(name, {"summary": "Asks learners questions."}, into)
    assert files(checkout) == before
    scaffolding.scaffold(name, {"summary": "Asks learners questions.", "serves": ["projector"]}, into)


def post(client: httpx2.Client, path: str, **body: str) -> Any:
    """POST; the answer, which must be a success."""
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.mark.process
def test_without_a_sidecar_it_takes_the_events_of_the_folder_and_nothing_from_others(own: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(SERVICES / "course-agent/main.py", data) as client:
        post(client, "/generate-lesson", learner_id="ada", topic="loops")
    with running(own / "main.py", data, end=signal.SIGINT) as client:
        eventually(lambda: client.get("/learners/ada").is_success)
        assert client.get("/learners/ada").json() == {"learner_id": "ada", "events": {"LessonRequested": 1}}
        made = post(client, "/summaries", learner_id="ada", summary_id="s1")
        assert made == {"summary_id": "s1", "text": "ada: 1 LessonRequested"}
        assert client.get("/readyz").json() == {"ready": True, "waiting_for": {}}
        assert client.get("/", follow_redirects=False).headers["location"] == "/docs"
    with running(SERVICES / "course-agent/main.py", data) as client:
        post(client, "/generate-lesson", learner_id="ada", topic="functions")
        eventually(lambda: len(client.get("/lessons", params={"learner_id": "ada"}).json()["lessons"]) == 2)
    with running(own / "main.py", data) as client:
        eventually(lambda: client.get("/learners/ada").json()["events"] == {"LessonRequested": 2})
        assert post(client, "/summaries", learner_id="ada", summary_id="s1") == made


@pytest.mark.process
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LEARNFLOW_PORT", "many", "quiz-agent: settings: port: "),
        ("LEARNFLOW_DATA_DIR", "/dev/null", "quiz-agent: "),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_one_line(
    own: Path, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    variables = {"LEARNFLOW_PORT": "0", "LEARNFLOW_DATA_DIR": str(tmp_path / "data"), variable: value}
    result = subprocess.run(
        [sys.executable, own / "main.py"],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1
