"""The skill makes services; those that the repository has are what it makes, and they serve what they say."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]

from learnflow.services import Service
from tests.skill.running import running
from tests.skill.scaffolding import ROOT, SCRIPT, SERVICES, SKILL, check_style, files, generated, run, script, services

QUIZ: Final = {"serves": ["user-progress", "course-agent"], "summary": "Asks: it's a quiz."}

EVERY_SERVICE: Final = pytest.mark.parametrize("service", list(Service))
ENDPOINTS: Final = {
    Service.COURSE_AGENT: {("POST", "/generate-lesson"), ("GET", "/lessons"), ("GET", "/lessons/{lesson_id}")},
    Service.USER_PROGRESS: {
        ("POST", "/update-progress"),
        ("GET", "/status"),
        ("GET", "/status/mastery"),
        ("GET", "/status/advice"),
    },
    Service.PROJECTOR: set[tuple[str, str]](),
}
HEALTH: Final = {("GET", "/healthz"), ("GET", "/readyz")}


@pytest.fixture
def quiz(checkout: Path) -> Path:
    """A brand-new service that serves what is there."""
    made: Path = script(checkout).scaffold("quiz-agent", QUIZ, checkout / SERVICES.name)
    return made


def answers(folder: Path) -> dict[str, Any]:
    """What a service was made from."""
    found: dict[str, Any] = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    return found


def test_the_services_are_what_the_skill_makes(tmp_path: Path) -> None:
    result = run("python", SCRIPT, "--all", "--into", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert {*Service} <= {*script().known()}
    for service in script().known():
        again, committed = files(tmp_path / service), files(SERVICES / service)
        if not answers(tmp_path / service)["serves"]:
            again, committed = generated(again, service), generated(committed, service)
        assert again.keys() == committed.keys()
        assert again == committed, "change the template or the answers, and run the scaffold script with --all"


@pytest.mark.parametrize("top", [None, ".", "skills/fastapi-dapr-agent"])
def test_making_all_again_changes_nothing_whatever_git_says(checkout: Path, top: str | None) -> None:
    if top is not None:
        # Nothing is committed in it: copier would warn, or take the template as it was last committed.
        subprocess.run(["git", "init", "--quiet", checkout / top], check=True)
    scaffolding = script(checkout)
    for name in scaffolding.known():
        scaffolding.scaffold(name, {}, checkout / SERVICES.name)
    assert files(checkout / SERVICES.name) == services()


def test_nothing_that_was_made_names_this_machine(quiz: Path) -> None:
    made = b"".join(content for content in files(quiz.parent).values())
    for place in (ROOT, quiz.parents[1], Path.home()):
        assert str(place).encode() not in made


def test_a_new_service_is_valid_python_in_the_style_of_the_project(quiz: Path) -> None:
    made = files(quiz)
    assert {"main.py", "README.md", "Dockerfile", ".copier-answers.yml"} <= made.keys()
    assert {path for path in made if path.endswith(".py")} == {"main.py"}
    assert b"main([Service.COURSE_AGENT, Service.USER_PROGRESS])" in made["main.py"]
    check_style("quiz-agent", made)


def test_the_script_is_executable_and_in_the_style_of_the_project() -> None:
    assert (ROOT / SCRIPT).stat().st_mode & 0o111 == 0o111
    # Its name does not end in .py, so that ruff looks at it only when it is told to. It is in no package: INP001.
    for command in (["check", "--ignore", "INP001"], ["format", "--check"]):
        result = run("ruff", *command, "--no-cache", SCRIPT)
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_service_made_again_keeps_its_answers_but_for_those_given(quiz: Path) -> None:
    before = answers(quiz)
    result = run("python", SCRIPT, "quiz-agent", "--port", "8010", cwd=quiz.parents[1])
    assert (result.returncode, result.stderr) == (0, "")
    assert answers(quiz) == {**before, "app_port": 8010}
    assert "LEARNFLOW_PORT=8010" in (quiz / "README.md").read_text(encoding="utf-8")


def test_copier_itself_can_make_a_service_again(checkout: Path) -> None:
    service = checkout / SERVICES.name / "course-agent"
    (service / "main.py").write_text("changed by hand", encoding="utf-8")
    result = run("copier", "recopy", "--defaults", "--overwrite", service.relative_to(checkout), cwd=checkout)
    assert result.returncode == 0, result.stderr
    assert files(checkout / SERVICES.name) == services()


@pytest.mark.parametrize(
    "name",
    ["Quiz", "quiz_agent", "-quiz", "quiz-", "quiz--agent", "1quiz", "quiz\n", "q" * 59, "", ".", "..", "../quiz"],
)
def test_an_invalid_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    scaffolding = script()
    with pytest.raises(scaffolding.Refused):
        scaffolding.scaffold(name, QUIZ, tmp_path / "into")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("serves", ["quiz"]),
        ("summary", ""),
        ("summary", "No sentence"),
        ("summary", "Two\nlines."),
        ("title", " "),
        ("app_port", 80),
        ("app_port", 3500),
    ],
)
def test_an_invalid_answer_is_refused_by_name_and_nothing_is_written(
    checkout: Path, question: str, answer: object
) -> None:
    before = files(checkout)
    scaffolding = script(checkout)
    with pytest.raises(scaffolding.Refused, match=f"'{question}'"):
        scaffolding.scaffold("quiz-agent", {**QUIZ, question: answer}, checkout / SERVICES.name)
    assert files(checkout) == before


def test_a_refusal_is_told_in_one_line(checkout: Path) -> None:
    result = run("python", SCRIPT, "quiz-agent", "--serves", "projector", cwd=checkout)
    assert result.returncode == 1
    assert re.fullmatch(r"scaffold: .*'summary': must be a sentence.*\n", result.stderr)


def test_a_folder_that_was_made_by_hand_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "quiz-agent/main.py"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    scaffolding = script()
    with pytest.raises(scaffolding.Refused, match="was not made from the template"):
        scaffolding.scaffold("quiz-agent", QUIZ, tmp_path)
    assert files(tmp_path) == {"quiz-agent/main.py": b"mine"}


@pytest.mark.process
@pytest.mark.timeout(300)
def test_a_service_that_was_added_disturbs_no_test_of_these(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (SKILL, SERVICES, Path(__file__).parent):
        shutil.copytree(folder, top / folder.relative_to(ROOT), ignore=ignored)
    for file in (ROOT / "pyproject.toml", *(ROOT / "tests").glob("*.py")):
        shutil.copy(file, top / file.relative_to(ROOT))
    # Named as the tests name theirs, and with answers that are none of theirs.
    added = run("python", SCRIPT, "quiz-agent", "--summary", "Is there already.", "--port", "8765", cwd=top)
    assert added.returncode == 0, added.stderr
    # One of each kind that would be disturbed: with a new service of either sort, over all there are, and refused.
    some = "nothing_that_was_made or code_and_tests or copier_itself or told_in_one_line"
    tests = ("tests/skill/test_scaffold.py", "tests/skill/test_own_service.py")
    result = run("python", "-m", "pytest", *tests, "-m", "not process", "-k", some, cwd=top, seconds=250)
    assert result.returncode == 0, result.stdout


def test_every_service_that_can_be_served_can_be_chosen() -> None:
    questions = yaml.safe_load((SKILL / "copier.yml").read_text(encoding="utf-8"))
    assert questions["serves"]["choices"] == list(Service)


def test_the_skill_says_in_the_open_format_what_it_is() -> None:
    _, head, body = (SKILL / "SKILL.md").read_text(encoding="utf-8").split("---\n", 2)
    properties = yaml.safe_load(head)
    assert properties.keys() <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert properties["name"] == SKILL.name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", properties["name"])
    assert len(properties["name"]) <= 64
    assert 0 < len(properties["description"].strip()) <= 1024
    assert properties["license"] == "Apache-2.0"
    assert 0 < len(properties["compatibility"]) <= 500
    assert body.strip()


def test_what_the_skill_refers_to_is_there() -> None:
    pages = [SKILL / "SKILL.md", *(SKILL / "references").glob("*.md")]
    named = {page: set(re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))) for page in pages}
    assert {"references/dapr-traps.md", "references/kubernetes.md"} <= named[SKILL / "SKILL.md"]
    for page, links in named.items():
        assert all((page.parent / link).is_file() for link in links)
        # Progressive disclosure: what is always read is short.
        assert len(page.read_text(encoding="utf-8").splitlines()) < 200
    skill = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    for option in ("--all", "--port", "--serves", "--summary", "--title"):
        assert option in skill
        assert option in run("python", SCRIPT, "--help").stdout


@EVERY_SERVICE
def test_a_readme_lists_the_endpoints_of_its_service(service: Service) -> None:
    readme = (SERVICES / service / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^- `([A-Z]+) (\S+)`", readme, re.MULTILINE)) == ENDPOINTS[service] | HEALTH


def check_endpoints(client: httpx2.Client, services: set[Service]) -> None:
    """The service has its endpoints and no other: it says so, and the others are not found."""
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "waiting_for": {}})
    described = client.get("/openapi.json").json()["paths"]
    operations = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert operations == HEALTH.union(*(ENDPOINTS[service] for service in services))
    for method, path in set[tuple[str, str]]().union(*ENDPOINTS.values()) - operations:
        answer = client.request(method, path.format(lesson_id="l1"), json={} if method == "POST" else None)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:learnflow:problem:not-found"


def check_lessons(client: httpx2.Client) -> None:
    """A lesson that was asked for is listed."""
    asked = client.post("/generate-lesson", json={"learner_id": "ada", "topic": "loops"})
    assert asked.status_code == 202
    listed = client.get("/lessons", params={"learner_id": "ada"}, headers=including(asked))
    assert listed.status_code == 200
    assert [found["lesson_id"] for found in listed.json()["lessons"]] == [asked.json()["lesson"]["lesson_id"]]


def check_progress(client: httpx2.Client) -> None:
    """Progress that was reported is in the learner's status."""
    reported = client.post("/update-progress", json={"learner_id": "bob", "lesson_id": "l1", "completion": 1})
    assert reported.status_code == 202
    status = client.get("/status", params={"learner_id": "bob"}, headers=including(reported))
    assert status.status_code == 200
    assert status.json()["lessons_completed"] == 1


def including(accepted: httpx2.Response) -> dict[str, str]:
    """The headers of a GET that waits until its answer includes what was accepted."""
    return {"Consistency-Token": accepted.headers["Consistency-Token"], "Prefer": "wait=30"}


@pytest.mark.process
@EVERY_SERVICE
def test_a_service_serves_its_own_endpoints_and_no_other(tmp_path: Path, service: Service) -> None:
    with running(SERVICES / service / "main.py", tmp_path / "data") as client:
        check_endpoints(client, {service})
        if service is Service.COURSE_AGENT:
            check_lessons(client)
        elif service is Service.USER_PROGRESS:
            check_progress(client)


@pytest.mark.process
def test_a_new_service_serves_what_was_chosen(quiz: Path, tmp_path: Path) -> None:
    with running(quiz / "main.py", tmp_path / "data") as client:
        check_endpoints(client, {Service.COURSE_AGENT, Service.USER_PROGRESS})
        check_lessons(client)
        check_progress(client)
