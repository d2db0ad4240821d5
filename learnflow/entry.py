"""Where the `learnflow` program begins: before anything that takes time to import."""

import sys
from typing import Final

INTERRUPTED: Final = 130


def run() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being imported."""
    try:
        from learnflow.cli import main  # noqa: PLC0415 - half a second in which people press Ctrl-C

        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
