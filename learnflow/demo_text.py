"""What `learnflow demo` shows."""

from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from command_api.commands import Lesson
from learnflow.importing.transfer import Plan
from query_api.answers import LearnerStatus, LessonStatus, PlatformStatus

LESSONS_SHOWN: Final = 8
ADVICE_SHOWN: Final = 2

SECOND_IMPORT: Final = "\nThe same file once more, as after a crash in the middle. Every row should count once:"


def introduction(planned: Plan, *, learners: int, url: str) -> RenderableType:
    """What is about to happen."""
    found = planned.found
    left_out = f" ({found.faults:,} more give no valid report and are left out)" if found.faults else ""
    return Group(
        _title("1. Something happened: POST /update-progress"),
        f"A service of its own listens on {url}. Its data is in a temporary folder.",
        f"{found.valid:,} reports of {learners:,} learners go there, from {planned.file.path.name}{left_out}. "
        "Each POST appends an event to a log, and does nothing else.",
        "",
    )


def lesson(asked: Lesson) -> RenderableType:
    """A lesson as POST /generate-lesson answers it."""
    steps = _table("step", "minutes", "why")
    steps.columns[-1].justify = "left"
    for element in asked.elements:
        steps.add_row(escape(element.title), str(element.minutes), escape(element.why or ""))
    return Group(
        _title("2. Somebody wants to learn: POST /generate-lesson"),
        f'Learner {escape(asked.learner_id)} asks for "{escape(asked.topic)}". The lesson is in the answer:',
        "",
        steps,
    )


def learner(status: LearnerStatus, rows: int) -> RenderableType:
    """Where a learner stands, and why that is worth a look."""
    lessons = _table("lesson", "completion", "score", "last activity")
    for one in status.lessons[:LESSONS_SHOWN]:
        lessons.add_row(_name(one), _percent(one.completion), _percent(one.score), f"{one.last_activity_at:%Y-%m-%d}")
    advice = [Text(f"Next: {one.what}. {one.why}") for one in status.recommendations[:ADVICE_SHOWN]]
    return Group(
        _title(f"3. Where a learner stands: GET /status?learner_id={escape(status.learner_id)}"),
        f"{status.lessons_completed} of {status.lessons_known} lessons completed, average score"
        f" {_percent(status.average_score)}. Events counted: {status.events} = {rows} of the file, which came twice,"
        " and one lesson asked for.",
        "",
        lessons,
        "",
        *advice,
    )


def platform(status: PlatformStatus, rows: int) -> RenderableType:
    """Where all learners stand together."""
    figures = _table("learners", "lessons known", "completed", "completion rate", "average score", "events")
    figures.add_row(
        f"{status.learners:,}",
        f"{status.lessons_known:,}",
        f"{status.lessons_completed:,}",
        _percent(status.completion_rate),
        _percent(status.average_score),
        f"{status.events:,}",
    )
    return Group(
        _title("4. Where all stand together: GET /status"),
        figures,
        f"{rows:,} reports and one lesson. No POST wrote these figures: they were folded from the log, and can be"
        " thrown away and folded again, in another way too.",
    )


def farewell(seconds: float) -> RenderableType:
    """What to try next."""
    return Group(
        _title("What next?"),
        f"That took {seconds:.0f} s, and the temporary service is gone. One that stays:",
        "",
        "  make run",
        "  curl http://127.0.0.1:8000/generate-lesson -H 'Content-Type: application/json' \\",
        """    -d '{"learner_id": "ada", "topic": "Python decorators"}'""",
        "  curl 'http://127.0.0.1:8000/status?learner_id=ada'",
        "  .venv/bin/learnflow import --help     history of your own",
        "  http://127.0.0.1:8000/docs            every endpoint, to try in the browser",
    )


def _title(text: str) -> RenderableType:
    return Group("", Rule(text, align="left"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _name(one: LessonStatus) -> str:
    return escape(one.title or one.lesson_id)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
