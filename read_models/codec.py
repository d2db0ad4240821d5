"""Documents as bytes: JSON with one text for one value, so that equal documents are equal bytes."""

from typing import TypeVar

import msgspec

from read_models.documents import Document

D = TypeVar("D", bound=Document)

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODERS: dict[type, msgspec.json.Decoder[object]] = {}


class UnreadableDocument(Exception):
    """A document of the store that is not of the shape it should have.

    Attributes:
        shape: the name of the class that was expected.
    """

    def __init__(self, shape: str, detail: str) -> None:
        super().__init__(f"not a {shape}: {detail}")
        self.shape = shape


def encode(document: Document) -> bytes:
    """The bytes of a document; equal documents give equal bytes, whatever order their entries were added in."""
    return _ENCODER.encode(document)


def decode(value: bytes, shape: type[D]) -> D:
    """The document of these bytes; `decode(encode(d), type(d)) == d`.

    Raises:
        UnreadableDocument: for bytes that are no such document.
    """
    decoder = _DECODERS.get(shape)
    if decoder is None:
        decoder = _DECODERS[shape] = msgspec.json.Decoder(shape)
    try:
        document = decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as unreadable:
        raise UnreadableDocument(shape.__name__, str(unreadable)) from unreadable
    assert isinstance(document, shape)  # noqa: S101 - tells the type checker what the decoder was made for
    return document
