"""A CustomResourceDefinition's structural schema as a JSON Schema that refuses unknown fields."""

from typing import Any, Final

_KEPT: Final = frozenset(
    {
        *("description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength", "maximum"),
        *("maxProperties", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "required"),
        *("type", "uniqueItems", "x-kubernetes-list-map-keys", "x-kubernetes-list-type"),
    }
)
# Rules in CEL, of which a server knows more than we do: KEDA has one, and a policy of ours looks at the same.
_PASSED_OVER: Final = frozenset({"default", "x-kubernetes-map-type", "x-kubernetes-validations"})
_HANDLED: Final = frozenset(
    {
        *("additionalProperties", "anyOf", "items", "nullable", "properties"),
        *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
    }
)


class NotUnderstood(Exception):
    """A structural schema says something that is not translated, so that it would go unchecked."""


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of the same objects, without those that have fields besides the known ones.

    Raises:
        NotUnderstood: it has a keyword that this function has never heard of.
    """
    unknown = schema.keys() - _KEPT - _PASSED_OVER - _HANDLED
    if unknown:
        raise NotUnderstood(f"keywords {', '.join(sorted(unknown))}")
    found = {key: value for key, value in schema.items() if key in _KEPT}
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    elif "anyOf" in schema:
        raise NotUnderstood("anyOf without x-kubernetes-int-or-string")
    if "items" in schema:
        found["items"] = strict(schema["items"])
    if "properties" in schema:
        found["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
    if schema.get("type") == "object":
        found["additionalProperties"] = _others(schema)
    if schema.get("nullable"):
        kinds = found["type"]
        found["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
    return found


def _others(schema: dict[str, Any]) -> bool | dict[str, Any]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    others = schema.get("additionalProperties", False)
    return strict(others) if isinstance(others, dict) else bool(others)
