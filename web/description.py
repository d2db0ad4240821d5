"""The API description (OpenAPI 3.1), made to say what is answered, no less and no more."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from web.problems import Problem

Node = dict[str, Any]

_SCHEMAS = "#/components/schemas/"


def install(app: FastAPI) -> None:
    """Have the app describe its problems, its parameters as they are sent, and an example of every body."""
    generate = app.openapi

    def openapi() -> Node:
        if app.openapi_schema is None:
            description = generate()
            _describe_problems(description)
            for operation in _operations(description):
                _drop_null(operation)
                _move_examples(operation, description["components"]["schemas"])
            for schema in description["components"]["schemas"].values():
                schema.pop("examples", None)
            app.openapi_schema = description
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_problems(description: Node) -> None:
    """Add the schema of a problem, and leave out the error shape that is never answered."""
    schemas = description["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem


def _operations(description: Node) -> Iterator[Node]:
    for path in description["paths"].values():
        yield from path.values()


def _drop_null(operation: Node) -> None:
    """A parameter can be left out, but `null` can't be sent in a query or a header."""
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        sent = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
        if len(sent) == 1:
            del schema["anyOf"]
            schema.update(sent[0])


def _move_examples(operation: Node, schemas: Node) -> None:
    """Show the examples of a schema where it is sent; there every tool finds them."""
    for carrier in (operation.get("requestBody"), *operation["responses"].values()):
        for media in (carrier or {}).get("content", {}).values():
            schema = media.get("schema", {})
            named = [part["$ref"].removeprefix(_SCHEMAS) for part in schema.get("anyOf", [schema]) if "$ref" in part]
            examples = {name: {"value": example} for name in named for example in schemas[name].get("examples", [])}
            if examples:
                media["examples"] = examples
