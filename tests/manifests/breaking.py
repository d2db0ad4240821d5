"""Ways to break a deployment, to see that a rule sees it."""

from collections.abc import Callable
from typing import Any, Final

from tests.manifests.objects import Object, Objects

Breaking = Callable[[Objects], None]
Rule = Callable[[Objects], list[str]]
Policies = dict[Rule, dict[str, Breaking]]
"""Rules, each with ways to break it, by what is broken."""

COURSE: Final = ("Deployment", "course-agent")
PROGRESS: Final = ("Deployment", "user-progress")
PROJECTOR: Final = ("Deployment", "projector")
JOB: Final = ("Job", "create-log")
TEMPLATE: Final = ("spec", "template")
NOTES: Final = (*TEMPLATE, "metadata", "annotations")
POD: Final = (*TEMPLATE, "spec")
APP: Final = (*POD, "containers", 0)

Key = str | int
Kinded = tuple[str, str]


class NothingToBreak(Exception):
    """An object or field is not there, so that breaking it would prove nothing."""


def _found(objects: Objects, which: Kinded) -> Object:
    thing = objects.get(*which)
    if thing is None:
        raise NothingToBreak("/".join(which))
    return thing


def _holder(thing: Any, path: tuple[Key, ...]) -> Any:
    for key in path[:-1]:
        try:
            thing = thing[key]
        except (KeyError, IndexError) as error:
            raise NothingToBreak(str(path)) from error
    return thing


def put(which: Kinded, *path: Key, value: Any) -> Breaking:
    """Set a field of an object, which may be new."""

    def change(objects: Objects) -> None:
        _holder(_found(objects, which), path)[path[-1]] = value

    return change


def drop(which: Kinded, *path: Key) -> Breaking:
    """Take a field away."""

    def change(objects: Objects) -> None:
        try:
            del _holder(_found(objects, which), path)[path[-1]]
        except (KeyError, IndexError) as error:
            raise NothingToBreak(str(path)) from error

    return change


def remove(*which: str) -> Breaking:
    """Take an object away: kind and name."""

    def change(objects: Objects) -> None:
        objects.things.remove(_found(objects, (which[0], which[1])))

    return change


def add(thing: Object) -> Breaking:
    """Add an object."""

    def change(objects: Objects) -> None:
        objects.things.append(thing)

    return change


def append(which: Kinded, *path: Key, value: Any) -> Breaking:
    """Put one more into a list, which may be new."""

    def change(objects: Objects) -> None:
        _holder(_found(objects, which), path).setdefault(path[-1], []).append(value)

    return change


def entry(component: str, name: str, value: Any) -> Breaking:
    """Set an entry of a Dapr component's metadata, or add it."""

    def change(objects: Objects) -> None:
        entries = _found(objects, ("Component", component))["spec"]["metadata"]
        entries[:] = [*(one for one in entries if one["name"] != name), {"name": name, "value": value}]

    return change
