"""The report: text for a terminal, Markdown for a file, JSON for a machine."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deploy.minikube.verification.findings import Finding, Mark, Standing, Statement, Verdict, all_green, standings

_UNTRIED: Final = (Verdict.NOT_TRIED, Verdict.PARTLY_TRIED)
_SIGNS: Final = {Mark.HOLDS: "+", Mark.FAILS: "!", Mark.NOTE: " "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was found.

    Attributes:
        where: the cluster and the services, in a line.
        began: when it was begun.
        seconds: that it took.
        findings: in the order in which they were made.
        needed: by requirement, the names of the checks without which nothing can be said about it.
    """

    where: str
    began: datetime
    seconds: float
    findings: Sequence[Finding]
    needed: Mapping[str, Collection[str]]

    @property
    def standings(self) -> list[Standing]:
        """How every requirement stands."""
        return standings(self.findings, self.needed)

    @property
    def green(self) -> bool:
        """Whether something was looked at, and all of it is as it must be."""
        return all_green(self.findings)


def finding_text(finding: Finding) -> str:
    """A finding for a terminal, with a line for each statement."""
    lines = [f"{_word(finding)} {finding.name}: {finding.title} ({finding.seconds:.1f} s)"]
    return "\n".join([*lines, *(f"     {_SIGNS[one.mark]} {one.text}" for one in finding.statements)])


def summary_text(report: Report) -> str:
    """How every requirement stands of which something was tried, and the verdict, for a terminal."""
    rows = [
        f"{one.requirement.id:7} {one.verdict:12}  {one.requirement.text}{_by(one, ' [{}]')}"
        for one in report.standings
        if one.verdict is not Verdict.NOT_TRIED
    ]
    return "\n".join([*rows, "", verdict(report)])


def verdict(report: Report) -> str:
    """The report in a sentence."""
    red = [one.name for one in report.findings if not one.green]
    untried = [one.requirement.id for one in report.standings if one.verdict in _UNTRIED]
    statements = [statement for one in report.findings for statement in one.statements]
    held = sum(one.mark is Mark.HOLDS for one in statements)
    failed = sum(one.mark is Mark.FAILS for one in statements)
    said = (
        f"{len(report.findings) - len(red)} of {len(report.findings)} checks are green, {held} statements hold,"
        f" {failed} do not, in {report.seconds:.0f} s."
    )
    if red:
        said += f" RED: {', '.join(red)}."
    if untried:
        said += f" Not tried, or not by all checks: {', '.join(untried)}."
    return said


def markdown(report: Report) -> str:
    """The whole report as Markdown, ending in a line break."""
    return "\n".join(_markdown(report)) + "\n"


def as_json(report: Report) -> str:
    """The whole report as JSON, ending in a line break."""
    content: dict[str, Any] = {
        "green": report.green,
        "where": report.where,
        "began": report.began.isoformat(),
        "seconds": round(report.seconds, 1),
        "requirements": [
            {"id": one.requirement.id, "text": one.requirement.text, "verdict": one.verdict, "checks": list(one.by)}
            for one in report.standings
        ],
        "checks": [
            {
                "name": one.name,
                "title": one.title,
                "green": one.green,
                "covers": list(one.covers),
                "seconds": round(one.seconds, 2),
                "statements": [{"mark": statement.mark, "text": statement.text} for statement in one.statements],
            }
            for one in report.findings
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    yield "# Verification of LearnFlow on Minikube"
    yield ""
    yield f"{report.where}; begun {report.began:%Y-%m-%d %H:%M} UTC. {verdict(report)}"
    yield ""
    yield "| requirement | | by |"
    yield "|---|---|---|"
    for one in report.standings:
        yield f"| {one.requirement.id} {_cell(one.requirement.text)} | {one.verdict} | {', '.join(one.by)} |"
    for finding in report.findings:
        yield ""
        yield f"## {finding.name}: {'green' if finding.green else 'RED'}"
        yield ""
        yield f"{finding.title} ({', '.join(finding.covers)}; {finding.seconds:.1f} s)"
        yield ""
        yield from (_item(statement) for statement in finding.statements)


def _item(statement: Statement) -> str:
    begin = {Mark.HOLDS: "", Mark.FAILS: "**RED** ", Mark.NOTE: "(note) "}[statement.mark]
    return f"- {begin}{_escaped(statement.text)}"


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|")


def _escaped(text: str) -> str:
    """A text on one line in which no character begins a link, emphasis or HTML."""
    flat = " ".join(text.split())
    for sign in "\\<*[":
        flat = flat.replace(sign, f"\\{sign}")
    return flat


def _word(finding: Finding) -> str:
    return "ok  " if finding.green else "RED "


def _by(standing: Standing, form: str) -> str:
    return form.format(", ".join(standing.by)) if standing.by else ""
