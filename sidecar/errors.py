"""What can go wrong at a sidecar, said the same way by every adapter.

SidecarError
├── SidecarUnavailable     nothing was done, or nothing is known to be done; try again later
│   ├── AppendUnconfirmed  the log may or may not have some of the records
│   └── AppendRefused      the log has none of the records
├── StateConflict          a document is not what it was when it was read
├── MessageTooLarge        a request or its answer exceeds what the sidecar carries
├── StorageDamaged         what is stored can't be read back as it was written
└── SecretNotFound
"""


class SidecarError(Exception):
    """Base of all errors of this room."""


class SidecarUnavailable(SidecarError):
    """The sidecar, or what stands behind it, does not answer.

    Attributes:
        what: what does not answer, for people: "state store", "log", ...
        detail: what it said, if it said anything.
    """

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what} unavailable: {detail}")
        self.what = what
        self.detail = detail


class AppendUnconfirmed(SidecarUnavailable):
    """No confirmation came: any of the records may be in the log. Repeat them under the same event ids."""

    def __init__(self, detail: str) -> None:
        super().__init__("log", detail)


class AppendRefused(SidecarUnavailable):
    """The log took none of the records."""

    def __init__(self, detail: str) -> None:
        super().__init__("log", detail)


class StateConflict(SidecarError):
    """At least one document of a transaction is not what it was when it was read; nothing was written."""


class MessageTooLarge(SidecarError):
    """A request, or the answer to it, exceeds what the sidecar carries in one message; nothing was written."""


class StorageDamaged(SidecarError):
    """The store's own consistency check failed, or it returned what can't have been written."""


class SecretNotFound(SidecarError):
    """The secret store has no secret of this name.

    Attributes:
        name: what was asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no secret named {name!r}")
        self.name = name
