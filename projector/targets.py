"""Which generation an engine writes: the one that serves, or the one that a replay builds."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from projector.errors import OnHold, RunReplaced
from read_models.control import ControlDocument

HOLD_SECONDS: Final = 2.0
"""How long an engine lets a switch go first when `control` asks for it; whoever asked may have died since."""


class Target(Protocol):
    """Tells an engine where to write, by what `control` says at the very moment of a batch."""

    def generation(self, control: ControlDocument) -> int:
        """The generation to write.

        Raises:
            ProjectorError: none, now.
        """
        ...


class Serving:
    """The generation that serves, whichever that is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hold = ""
        self._held_since = 0.0

    def generation(self, control: ControlDocument) -> int:
        """See `Target`.

        Raises:
            OnHold: a switch asks for a moment's quiet. It is measured from when it was first seen here: the clocks of
                two machines are never compared.
        """
        if control.hold != self._hold:
            self._hold, self._held_since = control.hold, self._clock()
        if self._hold and self._clock() - self._held_since < HOLD_SECONDS:
            raise OnHold
        return control.active


class Built:
    """The generation that one run of a replay builds; also when it has come to serve, until others fold it."""

    def __init__(self, number: int, run: str) -> None:
        self.number = number
        self.run = run

    def generation(self, control: ControlDocument) -> int:
        """See `Target`.

        Raises:
            RunReplaced: the generation is no longer this run's to write.
        """
        if control.active == self.number:
            return self.number
        if control.building is None or control.building.run != self.run:
            raise RunReplaced(self.number)
        return self.number
