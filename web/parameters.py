"""Query parameters: those that an endpoint knows, once each."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from web.problems import INVALID, FieldProblem, ProblemError

MAX_NAME_SHOWN = 100


def only(*known: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses other query parameters by name, and any that is sent twice.

    A misspelt filter would otherwise be answered with everybody's data.
    """

    async def check(request: Request) -> None:
        sent = [name for name, _ in request.query_params.multi_items()]
        errors = [
            FieldProblem(field=name[:MAX_NAME_SHOWN], detail="is not a parameter of this request")
            for name in dict.fromkeys(sent)
            if name not in known
        ]
        errors += [FieldProblem(field=name, detail="must be sent once") for name in known if sent.count(name) > 1]
        if errors:
            raise ProblemError(INVALID, errors=errors)

    return check
