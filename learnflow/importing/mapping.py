"""From a row of cells to the body of a request. Pure: the same row gives the same body, always and everywhere."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from command_api.commands import Command, GenerateLesson, UpdateProgress
from events.identity import ID_RULE
from learnflow.importing.errors import MappingFault, RowFault
from learnflow.importing.templates import EmptyCell, TemplateError
from learnflow.importing.values import Json, Reading, Unreadable, moment, number, shorten, text, text_list


class Endpoint(StrEnum):
    """Where rows can be sent."""

    UPDATE_PROGRESS = "update-progress"
    GENERATE_LESSON = "generate-lesson"


_COMMANDS: Final[Mapping[Endpoint, type[Command]]] = {
    Endpoint.UPDATE_PROGRESS: UpdateProgress,
    Endpoint.GENERATE_LESSON: GenerateLesson,
}
_KINDS: Final[Mapping[str, Callable[[str], Reading]]] = {
    "learner_id": text,
    "lesson_id": text,
    "completion": number,
    "score": number,
    "time_spent_seconds": number,
    "achievements": text_list,
    "occurred_at": moment,
    "topic": text,
    "level": text,
    "objectives": text_list,
    "duration_minutes": number,
}
_PLAIN: Final = {
    "string_pattern_mismatch": ID_RULE,
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
}


@dataclass(frozen=True, slots=True)
class RowMapping:
    """How rows become requests of one endpoint.

    Attributes:
        endpoint: which one.
        readings: how each mapped field is read.
    """

    endpoint: Endpoint
    readings: Mapping[str, Reading]

    @classmethod
    def parse(cls, endpoint: Endpoint, templates: Sequence[str]) -> Self:
        """Read the values of `--map`: `FIELD=TEMPLATE` each.

        Raises:
            MappingFault: not of that form, no field of this endpoint, a field twice, a template that is none, or a
                required field is missing.
        """
        readings: dict[str, Reading] = {}
        fields = _COMMANDS[endpoint].model_fields
        for given in templates:
            field, equals, template = (part.strip() for part in given.partition("="))
            if not equals or not template:
                raise MappingFault(given, "must be FIELD=TEMPLATE, e.g. learner_id={student_id}")
            if field not in fields:
                raise MappingFault(field, f"is no field of {endpoint.value}; those are {', '.join(fields)}")
            if field in readings:
                raise MappingFault(field, "is given twice")
            try:
                readings[field] = _KINDS[field](template)
            except (TemplateError, Unreadable) as error:
                raise MappingFault(field, str(error)) from None
        missing = [name for name, info in fields.items() if info.is_required() and name not in readings]
        if missing:
            raise MappingFault(missing[0], f"is missing; {endpoint.value} needs {', '.join(missing)}")
        return cls(endpoint, readings)

    @property
    def dated(self) -> bool:
        """Whether rows say when they occurred, so that the order in which they arrive does not matter."""
        return "occurred_at" in self.readings

    def check_columns(self, columns: Collection[str]) -> None:
        """Check that the file has what the templates name.

        Raises:
            MappingFault: it has not.
        """
        for field, reading in self.readings.items():
            for column in reading.columns:
                if column not in columns:
                    raise MappingFault(field, f"there is no column {column!r}; the file has {', '.join(columns)}")

    def body(self, line: int, cells: Mapping[str, str], now: datetime) -> dict[str, Json]:
        """The request of a row: valid for the endpoint, as far as can be told without asking it.

        An optional field is left out where a column that it is made of is empty.

        Args:
            line: of the file, for the error.
            cells: of the row, by column; all columns of the templates.
            now: what occurred later than that (beyond a tolerance for clocks) is refused; does not enter the body.

        Raises:
            RowFault: the row gives no valid request.
        """
        body: dict[str, Json] = {}
        contract = _COMMANDS[self.endpoint]
        for field, reading in self.readings.items():
            try:
                value = reading.read(cells)
            except EmptyCell as empty:
                if contract.model_fields[field].is_required():
                    raise RowFault(line, field, (empty.column,), "is required, and the cell is empty") from None
                continue
            except Unreadable as unreadable:
                raise RowFault(line, field, reading.columns, str(unreadable)) from None
            body[field] = value
        try:
            command = contract.model_validate(body)
        except ValidationError as invalid:
            raise self._invalid(line, body, invalid.errors()[0]) from None
        if isinstance(command, UpdateProgress):
            try:
                command.occurred(now)
            except ValueError as impossible:
                raise self._fault(line, body, "occurred_at", str(impossible)) from None
        return body

    def _invalid(self, line: int, body: Mapping[str, Json], error: ErrorDetails) -> RowFault:
        reason = _PLAIN.get(error["type"]) or error["msg"].removeprefix("Value error, ")
        return self._fault(line, body, str(error["loc"][0]), reason)

    def _fault(self, line: int, body: Mapping[str, Json], field: str, reason: str) -> RowFault:
        given = shorten(repr(body[field]))
        return RowFault(line, field, self.readings[field].columns, f"{reason}; the row gives {given}")
