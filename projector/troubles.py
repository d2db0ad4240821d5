"""Failures in words that may be shown to anybody; what they leave out is for the log."""

from projector.errors import ProjectorError
from read_models.codec import UnreadableDocument
from sidecar.errors import SidecarError, StorageDamaged


def is_expected(failure: Exception) -> bool:
    """Whether a failure is one that surroundings can cause, and no fault of the program."""
    return isinstance(failure, ProjectorError | SidecarError | UnreadableDocument)


def in_words(failure: Exception) -> str:
    """What went wrong, in a sentence that names no file, host or value."""
    if isinstance(failure, StorageDamaged):
        return "what is stored is damaged; the service's own log says where"
    if is_expected(failure):
        return str(failure) or type(failure).__name__
    return f"a fault of the projector ({type(failure).__name__}); the service's own log has more"
