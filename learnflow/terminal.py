"""How the `learnflow` command speaks."""

from typing import NoReturn

import typer
from rich.console import Console

errors = Console(stderr=True, soft_wrap=True, highlight=False)
output = Console(soft_wrap=True, highlight=False)


def fail(message: str) -> NoReturn:
    """End the program with one line on stderr and status 1."""
    errors.print(f"learnflow: {message}", style="red", markup=False)
    raise typer.Exit(1)
