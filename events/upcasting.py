"""Old versions of an event become the current one, a step at a time.

A chain is checked for completeness when it is made, so a hole shows at start and not at the first old event replayed.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from events.contracts import CONTRACTS
from events.errors import IncompleteUpcasters

Upcaster = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Turns the data of version n into that of version n+1; pure, and never changes its argument."""


class UpcasterChain:
    """The steps from every version ever written to the current one."""

    def __init__(self, current: Mapping[str, int], steps: Mapping[tuple[str, int], Upcaster]) -> None:
        """Check and keep the chain.

        Args:
            current: the current version of each event name; versions count from 1.
            steps: for (name, n) the step from version n to n+1.

        Raises:
            IncompleteUpcasters: if a step is missing, or one leads from a version that was never old.
        """
        needed = {(name, version) for name, newest in current.items() for version in range(1, newest)}
        problems = [f"no upcaster from {name} v{version} to v{version + 1}" for name, version in needed - steps.keys()]
        problems += [
            f"an upcaster from {name} v{version}, which is no old version" for name, version in steps.keys() - needed
        ]
        problems += [
            f"{name} has version {newest}, versions count from 1" for name, newest in current.items() if newest < 1
        ]
        if problems:
            raise IncompleteUpcasters(tuple(sorted(problems)))
        self._current = MappingProxyType(dict(current))
        self._steps = MappingProxyType(dict(steps))

    def knows(self, name: str) -> bool:
        """Whether events of this name exist."""
        return name in self._current

    def current_version(self, name: str) -> int:
        """The newest version of an event name that `knows` accepts."""
        return self._current[name]

    def upcast(self, name: str, version: int, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data as the current version has it; `data` itself where it is current already."""
        for step in range(version, self._current[name]):
            data = self._steps[name, step](data)
        return data


UPCASTERS = UpcasterChain(current={contract.NAME: contract.VERSION for contract in CONTRACTS}, steps={})
