"""`deploy/minikube/down`: LearnFlow is gone from a Minikube, with all that it holds there. Dapr and Minikube stay."""

import argparse
import sys
from typing import Final

from deploy.minikube.deployment import NAMESPACE
from deploy.minikube.errors import MinikubeError
from deploy.minikube.tools import Tools

INTERRUPTED: Final = 130
GONE_SECONDS: Final = 180.0


def main() -> int:
    """Take it down, if whoever asks says yes.

    Returns:
        0 when nothing of it is left, also where nothing was; 1 with the reason on stderr; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="deploy/minikube/down", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--profile", default="minikube", help="of Minikube (default: %(default)s)")
    parser.add_argument("--yes", action="store_true", help="do not ask: the log and all documents are deleted")
    asked = parser.parse_args()
    try:
        tools = Tools(asked.profile)
        tools.check()
        if not asked.yes and not _agreed(asked.profile):
            print("down: nothing was done", file=sys.stderr)
            return 1
        tools.kubectl(
            *("delete", f"namespace/{NAMESPACE}", "--ignore-not-found", f"--timeout={GONE_SECONDS:.0f}s"),
            seconds=GONE_SECONDS + 10,
        )
    except MinikubeError as error:
        print(f"down: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print("down: LearnFlow is gone; Dapr and Minikube are still there", file=sys.stderr)
    return 0


def _agreed(profile: str) -> bool:
    question = f"Delete LearnFlow from the Minikube {profile!r}, with its log and all documents? [y/N] "
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


if __name__ == "__main__":
    sys.exit(main())
