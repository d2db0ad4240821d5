"""What a check has seen, and what that says about the requirements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from deploy.minikube.verification.requirements import REQUIREMENTS, Requirement


class Mark(StrEnum):
    """How a statement counts."""

    HOLDS = "holds"
    FAILS = "fails"
    NOTE = "note"


class Verdict(StrEnum):
    """How a requirement stands."""

    MET = "met"
    NOT_MET = "not met"
    PARTLY_TRIED = "partly tried"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Statement:
    """Something seen; a note is neither for nor against."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check came to.

    Attributes:
        name: of the check.
        title: what it is about, as a sentence that is true where it is green.
        covers: ids of the requirements that it speaks for.
        statements: in the order in which things were seen.
        seconds: that it took.
    """

    name: str
    title: str
    covers: tuple[str, ...]
    statements: tuple[Statement, ...]
    seconds: float

    @property
    def green(self) -> bool:
        """Whether nothing failed, and something held."""
        marks = {statement.mark for statement in self.statements}
        return Mark.HOLDS in marks and Mark.FAILS not in marks


@dataclass(slots=True)
class Notebook:
    """What a check writes its statements into.

    Attributes:
        statements: so far.
    """

    statements: list[Statement] = field(default_factory=list)

    def holds(self, condition: bool, text: str, *, else_: str = "") -> bool:
        """Write down whether something is as it must be; the answer is the condition.

        Args:
            condition: whether it is.
            text: what must be so.
            else_: what was found instead, for where it is not.
        """
        if condition:
            self.statements.append(Statement(Mark.HOLDS, text))
        else:
            self.statements.append(Statement(Mark.FAILS, f"not so: {text}{f'; {else_}' if else_ else ''}"))
        return condition

    def fails(self, text: str) -> None:
        """Write down what went wrong."""
        self.statements.append(Statement(Mark.FAILS, text))

    def note(self, text: str) -> None:
        """Write down what is worth knowing, and neither for nor against."""
        self.statements.append(Statement(Mark.NOTE, text))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a requirement stands.

    Attributes:
        requirement: which.
        verdict: met where all that is needed speaks for it, and nothing against.
        by: names of the checks that speak for it.
    """

    requirement: Requirement
    verdict: Verdict
    by: tuple[str, ...]


def standings(findings: Iterable[Finding], needed: Mapping[str, Collection[str]]) -> list[Standing]:
    """How every requirement stands after these findings, in the order of the specification.

    Args:
        findings: of the checks that were carried out.
        needed: by requirement, the names of the checks without which nothing can be said about it.
    """
    seen = list(findings)
    return [
        _standing(one, [finding for finding in seen if one.id in finding.covers], needed.get(one.id, ()))
        for one in REQUIREMENTS
    ]


def all_green(findings: Sequence[Finding]) -> bool:
    """Whether something was looked at, and all of it is as it must be."""
    return bool(findings) and all(finding.green for finding in findings)


def _standing(requirement: Requirement, speaking: Sequence[Finding], needed: Collection[str]) -> Standing:
    names = tuple(one.name for one in speaking)
    if not all(one.green for one in speaking):
        verdict = Verdict.NOT_MET
    elif not speaking:
        verdict = Verdict.NOT_TRIED
    else:
        verdict = Verdict.MET if set(needed) <= set(names) else Verdict.PARTLY_TRIED
    return Standing(requirement, verdict, names)


KNOWN_IDS: Final = frozenset(requirement.id for requirement in REQUIREMENTS)
"""What a check may cover."""
