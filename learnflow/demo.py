"""`learnflow demo`: a minute's tour with a service of its own, which is gone afterwards."""

import asyncio
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx2
import typer

from command_api.commands import GenerateLesson, Lesson, LessonAccepted
from events.contracts import Level
from learnflow import demo_text
from learnflow.background import NotServing, background_server
from learnflow.importing import oulad
from learnflow.importing.errors import ImportFailure
from learnflow.importing.mapping import Endpoint
from learnflow.importing.progress import reporting
from learnflow.importing.rows import Request
from learnflow.importing.sender import Listener, Tally
from learnflow.importing.source import CsvFile
from learnflow.importing.transfer import Plan, plan, transfer
from learnflow.terminal import errors, fail, output
from query_api.answers import LearnerStatus, PlatformStatus

SAMPLE: Final = Path(__file__).parents[1] / "samples" / "oulad-aaa-sample.csv"
TOPIC: Final = "Python decorators"
CONCURRENCY: Final = 32
PATIENCE_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 30
LONGEST_WAIT_SECONDS: Final = 600.0
INTERRUPTED: Final = 130
TERMINATED: Final = 128 + signal.SIGTERM


class DemoFailure(Exception):
    """The tour can't go on; the text says why."""


def demo(
    file: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="History to import.", show_default="the sample")
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=TEMPLATE", help="How a field is made of a row; see `learnflow import`."),
    ] = None,
) -> None:
    """Show what this is about: a temporary service, real history imported, a learner's and the platform's status.

    Listens on a free port of this machine, and leaves nothing behind. A file with the columns of the Open University
    Learning Analytics Dataset needs no `--map`.

    Example: `learnflow demo`
    """
    begun = time.monotonic()
    try:
        planned = _planned(file, maps)
        with (
            _ending_in_order() as is_ending,
            tempfile.TemporaryDirectory(prefix="learnflow-demo-") as folder,
            background_server(Path(folder)) as url,
        ):
            asyncio.run(_until_told_to_end(_tour(planned, url), is_ending))
    except (ImportFailure, DemoFailure, NotServing) as failure:
        fail(str(failure))
    except KeyboardInterrupt:
        errors.print("learnflow: interrupted; the temporary service is gone.", style="red")
        raise typer.Exit(INTERRUPTED) from None
    output.print(demo_text.farewell(time.monotonic() - begun))


def _planned(file: Path | None, maps: Sequence[str] | None) -> Plan:
    if file is None and not SAMPLE.exists():
        raise DemoFailure("the sample is part of a checkout, and this is none: name a file with --file")
    path = file or SAMPLE
    templates = maps or (oulad.TEMPLATES if oulad.COLUMNS.issubset(CsvFile(path).columns) else ())
    if not templates:
        raise DemoFailure(
            f"{path} has other columns than the sample ({', '.join(CsvFile(path).columns)}): say with --map how a row"
            " becomes a report of progress, as `learnflow import --help` describes"
        )
    planned = plan(path, templates, Endpoint.UPDATE_PROGRESS)
    if not planned.found.valid:
        first = "".join(f"; {fault}" for fault in planned.found.first_faults[:1])
        raise DemoFailure(f"{path} has no row to import{first}")
    return planned


@contextmanager
def _ending_in_order() -> Iterator[threading.Event]:
    """Have SIGTERM unwind the program, so that the service and its folder are removed; the event says that it came."""
    is_ending = threading.Event()

    def leave(_number: int, _frame: FrameType | None) -> None:
        is_ending.set()
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield is_ending
    finally:
        signal.signal(signal.SIGTERM, before)


async def _until_told_to_end(tour: Coroutine[None, None, None], is_ending: threading.Event) -> None:
    """Take the tour; SIGTERM ends it.

    An exception raised by a signal's handler is lost where it happens to run inside a callback that ignores exceptions.
    So in here the handler only asks the tour to end, and one that came before is looked for.
    """
    touring = asyncio.create_task(tour)

    def end() -> None:
        is_ending.set()
        touring.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    if is_ending.is_set():
        touring.cancel()
    try:
        await touring
    except asyncio.CancelledError:
        if is_ending.is_set():
            sys.exit(TERMINATED)
        raise


async def _tour(planned: Plan, url: str) -> None:
    with planned.requests() as requests:
        rows = Counter(request.learner_id for request in requests)
    learner = rows.most_common(1)[0][0]
    output.print(demo_text.introduction(planned, learners=len(rows), url=url))
    tokens = _Tokens()
    await _import(planned, url, tokens)
    output.print(demo_text.SECOND_IMPORT)
    await _import(planned, url, tokens)
    async with httpx2.AsyncClient(base_url=url, timeout=2 * WAIT_SECONDS, trust_env=False) as client:
        lesson, token = await _ask_for_lesson(client, learner)
        output.print(demo_text.lesson(lesson))
        tokens.add(learner, token)
        await _wait_until_folded(client, tokens.by_learner)
        status = await client.get("status", params={"learner_id": learner})
        platform = await client.get("status")
    output.print(demo_text.learner(LearnerStatus.model_validate_json(status.content), rows[learner]))
    output.print(demo_text.platform(PlatformStatus.model_validate_json(platform.content), planned.found.valid))


async def _import(planned: Plan, url: str, tokens: "_Tokens") -> None:
    with reporting(output, planned.found.valid) as report:
        listener = _Both(report, tokens)
        await transfer(planned, url, listener, Tally(), concurrency=CONCURRENCY, patience_seconds=PATIENCE_SECONDS)


async def _ask_for_lesson(client: httpx2.AsyncClient, learner: str) -> tuple[Lesson, str]:
    wish = GenerateLesson(learner_id=learner, topic=TOPIC, level=Level.BEGINNER, duration_minutes=45)
    answer = await client.post("generate-lesson", json=wish.model_dump(mode="json"))
    if answer.status_code != HTTPStatus.ACCEPTED:
        raise DemoFailure(f"POST /generate-lesson was answered {answer.status_code}: {answer.text}")
    lesson = LessonAccepted.model_validate_json(answer.content).lesson
    if lesson is None:
        raise DemoFailure("POST /generate-lesson was answered without a lesson")
    return lesson, answer.headers["Consistency-Token"]


async def _wait_until_folded(client: httpx2.AsyncClient, tokens: Mapping[str, Iterable[str]]) -> None:
    """Return once every learner's documents include what these tokens name; the server does the waiting."""
    try:
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            for learner, own in tokens.items():
                for token in dict.fromkeys(own):
                    await _wait(client, learner, token)
    except TimeoutError:
        raise DemoFailure(f"not all was folded within {LONGEST_WAIT_SECONDS:g} s") from None


async def _wait(client: httpx2.AsyncClient, learner: str, token: str) -> None:
    headers = {"Consistency-Token": token, "Prefer": f"wait={WAIT_SECONDS}"}
    outcome: str | None = "pending"
    while outcome == "pending":
        answer = await client.get("status", params={"learner_id": learner}, headers=headers)
        outcome = answer.headers.get("Consistency-Status")
        if outcome not in {"pending", "included"}:
            raise DemoFailure(f"GET /status?learner_id={learner} was answered {answer.status_code}: {answer.text}")


class _Tokens:
    """The consistency tokens to wait for, so that all of a learner's events are included.

    Whatever the log has as a learner's last event was answered while at most CONCURRENCY - 1 others were under way: it
    is among the last CONCURRENCY answers.
    """

    def __init__(self) -> None:
        self.by_learner: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=CONCURRENCY))

    def add(self, learner: str, token: str) -> None:
        """Note an answer."""
        self.by_learner[learner].append(token)


class _Both:
    """Shows progress and gathers tokens."""

    def __init__(self, report: Listener, tokens: _Tokens) -> None:
        self._report = report
        self._tokens = tokens

    def confirmed(self, request: Request, token: str, /) -> None:
        self._tokens.add(request.learner_id, token)
        self._report.confirmed(request, token)

    def troubled(self, trouble: str, /) -> None:
        self._report.troubled(trouble)
