"""Why a parked value can't be shown, retried or dropped.

ProjectorError
├── InvalidPosition        not a position of the log as it is written
├── NothingParked          no value is parked there
└── ValueGone              the log no longer has the value that it was to keep
"""

from projector.errors import ProjectorError


class InvalidPosition(ProjectorError):
    """A text that is no position of the log.

    Attributes:
        text: that was given.
    """

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no position: expected PARTITION:OFFSET, such as 3:1207")
        self.text = text


class NothingParked(ProjectorError):
    """No value is parked at a position: it was folded, or never was there.

    Attributes:
        generation: that was looked at.
        partition: of the log.
        offset: within it.
    """

    def __init__(self, *, generation: int, partition: int, offset: int) -> None:
        super().__init__(f"nothing is parked at {partition}:{offset} in generation {generation}")
        self.generation = generation
        self.partition = partition
        self.offset = offset


class ValueGone(ProjectorError):
    """The value was too large to be kept a second time, and the log has another one there by now, or none.

    Attributes:
        partition: of the log.
        offset: within it.
    """

    def __init__(self, *, partition: int, offset: int) -> None:
        super().__init__(f"the log no longer holds the value that was parked at {partition}:{offset}")
        self.partition = partition
        self.offset = offset
