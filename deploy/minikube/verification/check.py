"""A check: a question to the deployment, and which requirements its answer speaks for."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.minikube.verification.errors import VerificationError
from deploy.minikube.verification.findings import Finding, Notebook
from deploy.minikube.verification.scene import Scene


@dataclass(frozen=True, slots=True)
class Check:
    """A check.

    Attributes:
        name: short, as reports and the command line have it.
        title: what it is about, as a sentence that is true where it is green.
        covers: ids of the requirements that it speaks for.
        look: looks, and writes down what it sees. A `VerificationError` of it counts as red.
    """

    name: str
    title: str
    covers: tuple[str, ...]
    look: Callable[[Scene, Notebook], None]


def carry_out(check: Check, scene: Scene) -> Finding:
    """Carry out a check; whatever keeps it from its end is a failed statement in the finding."""
    notebook = Notebook()
    began = time.monotonic()
    try:
        check.look(scene, notebook)
    except VerificationError as error:
        notebook.fails(str(error))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # The answer has another form than the check knows. The other checks still have something to say.
        notebook.fails(f"what was seen has an unexpected form: {type(error).__name__}: {error}")
    return Finding(
        name=check.name,
        title=check.title,
        covers=check.covers,
        statements=tuple(notebook.statements),
        seconds=time.monotonic() - began,
    )


def needed_for(checks: Iterable[Check]) -> dict[str, frozenset[str]]:
    """By requirement, the names of these checks that speak for it."""
    listed = list(checks)
    ids = {requirement for check in listed for requirement in check.covers}
    return {one: frozenset(check.name for check in listed if one in check.covers) for one in ids}
