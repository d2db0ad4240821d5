"""How the `learnflow` command speaks."""

from typing import NoReturn

import typer
from rich.console import Console

# Without `emoji=False` Rich makes a cat of `:cat:`, which may stand in anybody's id.
errors = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
output = Console(soft_wrap=True, highlight=False, emoji=False)


def fail(message: str, *, status: int = 1) -> NoReturn:
    """End the program with one line on stderr and a status."""
    errors.print(f"learnflow: {message}", style="red", markup=False)
    raise typer.Exit(status)
