"""JSON Schemas of the contracts, and the check that a contract only grows.

A change is incompatible if an event that was valid under the old schema is refused, or silently read as less, under the
new one. Such a change is a new version with an upcaster, never an edit.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from events.contracts import EventData

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_LOWER_BOUNDS: Final = ("minimum", "minLength", "minItems", "exclusiveMinimum")
_UPPER_BOUNDS: Final = ("maximum", "maxLength", "maxItems", "exclusiveMaximum")


def export(contract: type[EventData]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract's data, with its `dataschema` as `$id`; nested types are written out."""
    schema = contract.model_json_schema()
    return {"$schema": DIALECT, "$id": contract.dataschema(), **_written_out(schema, schema.pop("$defs", {}))}


def file_name(contract: type[EventData]) -> str:
    """The name of the file that holds a contract's schema."""
    return f"{contract.NAME}.v{contract.VERSION}.json"


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """What of `old` the schema `new` would refuse or drop, as sentences; nothing for a compatible change.

    It understands what the contracts use: objects, arrays, scalars, bounds, patterns, enumerations and `anyOf`.
    """
    return tuple(_compare("data", old, new))


def _written_out(node: Any, definitions: Mapping[str, Any]) -> Any:
    match node:
        case {"$ref": str(reference)}:
            return _written_out(definitions[reference.rsplit("/", 1)[-1]], definitions)
        case dict():
            return {key: _written_out(value, definitions) for key, value in node.items()}
        case list():
            return [_written_out(value, definitions) for value in node]
        case _:
            return node


def _compare(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if "anyOf" in old or "anyOf" in new:
        yield from _compare_choices(path, old, new)
        return
    if old.get("type") != new.get("type") and not (old.get("type") == "integer" and new.get("type") == "number"):
        yield f"{path}: type {old.get('type')} became {new.get('type')}"
        return
    yield from _compare_values(path, old, new)
    yield from _compare_fields(path, old, new)
    if "items" in old and "items" in new:
        yield from _compare(f"{path}[]", old["items"], new["items"])


def _compare_choices(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    choices = new.get("anyOf", [new])
    for choice in old.get("anyOf", [old]):
        attempts = [list(_compare(path, choice, candidate)) for candidate in choices]
        if all(attempts):
            yield f"{path}: {min(attempts, key=len)[0].removeprefix(f'{path}: ')}"


def _compare_values(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for bound in _LOWER_BOUNDS:
        if bound in new and (bound not in old or new[bound] > old[bound]):
            yield f"{path}: {bound} rose to {new[bound]}"
    for bound in _UPPER_BOUNDS:
        if bound in new and (bound not in old or new[bound] < old[bound]):
            yield f"{path}: {bound} fell to {new[bound]}"
    for rule in ("pattern", "format", "const"):
        if rule in new and new[rule] != old.get(rule):
            yield f"{path}: {rule} is new or another"
    if "enum" in new and not set(old.get("enum", [None])) <= set(new["enum"]):
        gone = sorted(set(old.get("enum", [])) - set(new["enum"]))
        yield f"{path}: no longer allows {', '.join(map(str, gone)) or 'other values'}"


def _compare_fields(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{path}.{name}: was removed"
    for name in before.keys() & after.keys():
        yield from _compare(f"{path}.{name}", before[name], after[name])
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        yield f"{path}.{name}: became required"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{path}: unknown fields are no longer allowed"
