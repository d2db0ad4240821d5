"""The documents that a piece of the log touches: what they were, and what they become."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from projector.errors import ProjectorError
from read_models import codec
from read_models.documents import Document
from sidecar.records import Put, StoredDocument

D = TypeVar("D", bound=Document)


class UnknownKey(ProjectorError):
    """A fold asked for a document that nobody has loaded: a fault of the one who named the keys, not of the event.

    Attributes:
        key: of the document.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"document {key} was not loaded before it was asked for")
        self.key = key


class Workspace:
    """Documents in memory, between one read and one transaction.

    A document must be known, as loaded or as absent, before a fold asks for it; so nothing is quietly folded into an
    empty document.

    Attributes:
        new: whether what was not loaded is known to be absent.
    """

    def __init__(self, *, new: bool = False) -> None:
        """Begin with nothing known.

        Args:
            new: the documents are those of a generation that has none yet: what was not loaded is known to be absent.
                Where that is wrong the transaction fails, as absent documents are written by first-write.
        """
        self.new = new
        self._stored: dict[str, StoredDocument | None] = {}
        self._documents: dict[str, Document] = {}
        self._touched: set[str] = set()

    def load(self, keys: Iterable[str], stored: Mapping[str, StoredDocument]) -> None:
        """Make `keys` known: as what was read, or as absent. What is known already stays as it is."""
        for key in keys:
            self._stored.setdefault(key, stored.get(key))

    def know_absent(self, keys: Iterable[str]) -> None:
        """Make keys known as absent that can't have a document yet."""
        self.load(keys, {})

    def unknown(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are not known yet."""
        return set() if self.new else {key for key in keys if key not in self._stored}

    def find(self, key: str, shape: type[D]) -> D | None:
        """The document as it is now, or `None` if there is none; tell `touch` if you change it.

        Raises:
            UnknownKey: the key is not known.
            UnreadableDocument: the store holds something else under the key.
        """
        document = self._documents.get(key)
        if document is None:
            stored = self._known(key)
            if stored is None:
                return None
            document = self._documents[key] = codec.decode(stored.value, shape)
        if not isinstance(document, shape):
            raise codec.UnreadableDocument(shape.__name__, f"{key} holds a {type(document).__name__}")
        return document

    def put(self, key: str, document: Document) -> None:
        """Set a document.

        Raises:
            UnknownKey: the key is not known.
        """
        self._known(key)
        self._documents[key] = document
        self._touched.add(key)

    def touch(self, key: str) -> None:
        """Say that the document under `key` was changed in place."""
        self._touched.add(key)

    def changes(self, first: str) -> list[Put]:
        """What to write: `first` always and first, then every document whose bytes have changed, in key order."""
        changed = [self._change(key) for key in sorted(self._touched - {first})]
        return [self._change(first), *(put for put in changed if not self._same(put))]

    @property
    def touched(self) -> int:
        """How many documents were changed, at most."""
        return len(self._touched)

    def size(self) -> int:
        """How many bytes the changed documents take, as they are now."""
        return sum([len(codec.encode(self._documents[key])) for key in self._touched])

    def _known(self, key: str) -> StoredDocument | None:
        if key not in self._stored and not self.new:
            raise UnknownKey(key)
        return self._stored.get(key)

    def _change(self, key: str) -> Put:
        stored = self._stored.get(key)
        return Put(key, codec.encode(self._documents[key]), None if stored is None else stored.etag)

    def _same(self, put: Put) -> bool:
        stored = self._stored.get(put.key)
        return stored is not None and stored.value == put.value
