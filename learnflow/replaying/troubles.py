"""What is waited for, from several places, told as one."""

from learnflow.replaying.options import Observer


class Troubles:
    """Gathers what each place waits for, and tells an observer all of it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._noted: dict[int | str | None, str] = {}

    def __bool__(self) -> bool:
        """Whether anything is waited for."""
        return bool(self._noted)

    def note(self, where: int | str | None, trouble: str | None) -> None:
        """Note what a place waits for, such as a partition; `None` when it is over."""
        if trouble is None:
            self._noted.pop(where, None)
        else:
            self._noted[where] = trouble
        self._observer.waiting("; ".join(dict.fromkeys(self._noted.values())) or None)
