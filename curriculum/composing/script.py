"""What the parts of a lesson are written from, and what a part is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from curriculum.composing.choosing import Portion
from curriculum.composing.learner import Learner
from curriculum.composing.selection import Selection
from curriculum.lesson import LessonRequest
from curriculum.material import Exercise, Question
from curriculum.pacing import Need, apportion
from curriculum.phrases import Step
from curriculum.prose import bullets, literal

_SHORT_MINUTES: Final = 10


@dataclass(frozen=True, slots=True)
class Part:
    """An element to be: `content` writes it for the minutes that it gets."""

    kind: str
    title: str
    need: Need
    why: str
    content: Callable[[int], str]
    concept: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What is done on a concept, each exercise and each question with its number in the lesson.

    Attributes:
        portion: the material.
        exercises: those of the first round.
        questions: all of them.
        more: exercises of a second round; none where there is no time.
    """

    portion: Portion
    exercises: tuple[tuple[int, Exercise], ...]
    questions: tuple[tuple[int, Question], ...]
    more: tuple[tuple[int, Exercise], ...]

    @property
    def all_exercises(self) -> tuple[tuple[int, Exercise], ...]:
        """Those of both rounds."""
        return self.exercises + self.more


@dataclass(frozen=True, slots=True)
class Script:
    """All that is decided of a lesson before it is written.

    Attributes:
        request: what was asked for.
        learner: who asked.
        selection: what is taught, and why.
        works: what is done, for each concept taught.
        lines: the objectives of the lesson, each in one line.
        labels: by concept and number of its objective: where in `lines` that is, counted from 0.
        own: where in `lines` the objectives are that no concept taught treats.
    """

    request: LessonRequest
    learner: Learner
    selection: Selection
    works: tuple[Work, ...]
    lines: tuple[str, ...]
    labels: Mapping[tuple[str, int], tuple[int, ...]]
    own: tuple[int, ...]

    @property
    def is_short(self) -> bool:
        """Whether the lesson has no minute for what is not needed to do it: it has ten at most."""
        return self.request.duration_minutes <= _SHORT_MINUTES

    def objectives(self, concept: str, numbers: Iterable[int]) -> str:
        """The objectives of the lesson that those of a concept stand for, as a Markdown list; empty for none."""
        places = sorted({place for number in numbers for place in self.labels.get((concept, number), ())})
        return bullets(map(self.objective, places))

    def objective(self, place: int) -> str:
        """An objective of the lesson in Markdown with its number, counted from 0."""
        line = self.lines[place]
        # Those of the material are Markdown, with code in them; the learner's are not.
        return f"**Objective {place + 1}.** {literal(line) if self.request.objectives else line}"


def paragraphs(*texts: str) -> str:
    """Markdown paragraphs; empty ones are left out."""
    return "\n\n".join(filter(None, texts))


def timed(minutes: int, steps: Iterable[Step]) -> str:
    """A numbered list of the steps that there is time for; their minutes add up to `minutes`, which is at least 1."""
    chosen = [step for step in steps if step.from_minutes <= minutes][:minutes]
    parts = apportion(minutes, tuple(step.weight for step in chosen))
    return "\n".join(
        f"{place}. ({part} min) {step.text}"
        for place, (part, step) in enumerate(zip(parts, chosen, strict=True), start=1)
    )
