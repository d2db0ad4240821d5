"""The annotations that Dapr's injector reads, by its own source, and what is wrong with those of a manifest.

The injector passes over an annotation that it does not know, takes a number that it can't parse for not set, and any
boolean that is not one for false: so a slip of the pen is not refused, it just does nothing.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.manifests.objects import Object, Objects, ident
from tests.manifests.schemas import QUANTITY

PREFIX: Final = "dapr.io/"
_FIELD: Final = re.compile(r"^\s*\w+\s+(\*?)(\w+)\s+`annotation:\"([^\"]+)\"", re.MULTILINE)
_KINDS: Final = {
    "bool": re.compile(r"true|false"),
    "int": re.compile(r"-?\d+"),
    "int32": re.compile(r"\d+"),
    "string": re.compile(r"[\s\S]+"),
}
_DURATION: Final = re.compile(r"(\d+(\.\d+)?(ms|s|m|h))+")
_QUANTITY: Final = re.compile(QUANTITY)
# Strings to the injector, and more than that to whom it hands them.
_STRICTER: Final = {
    "dapr.io/actors-disseminate-timeout": _DURATION,
    "dapr.io/app-health-check-path": re.compile(r"/\S*"),
    "dapr.io/app-protocol": re.compile(r"http|https|grpc|grpcs|h2c"),
    "dapr.io/block-shutdown-duration": _DURATION,
    "dapr.io/log-level": re.compile(r"debug|info|warn|error"),
    "dapr.io/max-body-size": _QUANTITY,
    "dapr.io/read-buffer-size": _QUANTITY,
    "dapr.io/sidecar-cpu-limit": _QUANTITY,
    "dapr.io/sidecar-cpu-request": _QUANTITY,
    "dapr.io/sidecar-memory-limit": _QUANTITY,
    "dapr.io/sidecar-memory-request": _QUANTITY,
    "dapr.io/sidecar-seccomp-profile-type": re.compile(r"RuntimeDefault|Unconfined"),
}


class NotUnderstood(Exception):
    """The injector's source does not look as it did, so that an annotation might go unchecked."""


@dataclass(frozen=True, slots=True)
class Injector:
    """What Dapr's injector reads.

    Attributes:
        kinds: the Go type of each annotation's value, by the annotation.
    """

    kinds: dict[str, str]

    @classmethod
    def of(cls, source: Path) -> "Injector":
        """By the Go source of its configuration.

        Raises:
            NotUnderstood: a tag was not recognised, or none is there, or a value is of an unheard-of type.
        """
        text = source.read_text(encoding="utf-8")
        kinds = {key: kind for _, kind, key in _FIELD.findall(text)}
        if len(kinds) != text.count('annotation:"') or not kinds:
            raise NotUnderstood(f"{text.count('annotation:')} tags, {len(kinds)} recognised")
        unheard = set(kinds.values()) - _KINDS.keys()
        if unheard or not _STRICTER.keys() <= kinds.keys():
            raise NotUnderstood(f"types {sorted(unheard)}, without {sorted(_STRICTER.keys() - kinds.keys())}")
        return cls(kinds)

    def faults(self, objects: Objects) -> list[str]:
        """What is wrong with the annotations of all objects, each fault with the object and the annotation."""
        found = []
        for thing in objects:
            # On a Deployment itself they do nothing.
            found += [
                f"{ident(thing)} {key}: belongs to the pod template"
                for key in (thing.get("metadata") or {}).get("annotations") or {}
                if key in self.kinds
            ]
        for pod in objects.pods():
            found += [
                f"{pod.name} {key}: {fault}"
                for key, value in pod.annotations.items()
                if key.startswith(PREFIX) and (fault := self._fault(key, value))
            ]
        return found

    def _fault(self, key: str, value: object) -> str | None:
        kind = self.kinds.get(key)
        if kind is None:
            return "Dapr's injector knows no such annotation"
        wanted = _STRICTER.get(key, _KINDS[kind])
        if not isinstance(value, str) or not wanted.fullmatch(value):
            return f"{value!r} is no {kind} that fits {wanted.pattern}"
        return None


def annotations(thing: Object) -> dict[str, str]:
    """The annotations of a workload's pod template, to be changed."""
    found: dict[str, str] = thing["spec"]["template"]["metadata"]["annotations"]
    return found
