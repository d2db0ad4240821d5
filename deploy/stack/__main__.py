"""`python -m deploy.stack`: the real stack on this machine, until Ctrl-C."""

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypedDict

from deploy.stack.cache import tell
from deploy.stack.daprd import RESOURCES, DaprdOptions
from deploy.stack.errors import StackError
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port, is_taken
from deploy.stack.server import Server
from deploy.stack.service import COURSE_AGENT, USER_PROGRESS
from deploy.stack.stack import Stack
from deploy.stack.watch import Watch

USUAL_PORTS: Final = {COURSE_AGENT: 8001, USER_PROGRESS: 8002}
MODEL: Final = "model"
"""What the component in the folder of `--model` is called."""
LOOK_SECONDS: Final = 0.3
INTERRUPTED: Final = 130
LARGEST_PORT: Final = 65_535


class _ModelOptions(TypedDict, total=False):
    sidecars: DaprdOptions
    environment: dict[str, str]


def main() -> int:
    """Run the stack until it is interrupted.

    Returns:
        0 when it was ended by Ctrl-C or SIGTERM while it served: that is how it is meant to be ended. 130 when that
        came before. 1 when it could not be started, or Kafka, Postgres or placement ended by itself.
    """
    asked = _arguments()
    # Also for Ctrl-C: a shell starts what runs in its background with that ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    served = False
    try:
        with ExitStack() as life:
            began = time.monotonic()
            wishes = {service: getattr(asked, f"{service.replace('-', '_')}_port") for service in USUAL_PORTS}
            _refuse_taken(wishes)
            infrastructure = Infrastructure(data=asked.data, logs=asked.logs)
            tell(f"starting placement, Kafka and Postgres (logs in {infrastructure.logs})")
            life.enter_context(infrastructure)
            tell("starting the services")
            # Looked for only now: the later, the less likely that somebody takes them before the services do.
            ports = {service: wish or free_port(USUAL_PORTS[service]) for service, wish in wishes.items()}
            stack = life.enter_context(Stack(infrastructure, ports=ports, with_operator=True, **_model(asked.model)))
            tell(f"ready after {time.monotonic() - began:.1f} s; Ctrl-C ends it")
            served = True
            life.callback(tell, "stopping")
            _describe(infrastructure, stack)
            return _watch(infrastructure, stack)
    except KeyboardInterrupt:
        return 0 if served else INTERRUPTED
    except StackError as error:
        tell(str(error))
        return 1


def _watch(infrastructure: Infrastructure, stack: Stack) -> int:
    def restarted() -> list[Server]:
        operators = [] if stack.operator is None else [stack.operator]
        return [*(server for replica in stack.replicas for server in (replica.daprd, replica.app)), *operators]

    vital = (infrastructure.kafka, infrastructure.postgres, infrastructure.placement)
    watch = Watch(restarted, vital, tell)
    while watch.look() is None:
        time.sleep(LOOK_SECONDS)
    return 1


def _describe(infrastructure: Infrastructure, stack: Stack) -> None:
    rows = [(replica.service, f"{replica.url}  (sidecar {replica.daprd.url})") for replica in stack.replicas]
    rows += [
        ("Kafka", infrastructure.brokers),
        ("Postgres", infrastructure.postgres.psql),
        ("placement", infrastructure.placement.state_url),
        ("logs", str(infrastructure.logs)),
        ("data", str(infrastructure.data)),
    ]
    for name, value in rows:
        print(f"{name:14}{value}")
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in stack.operator_variables.items())
    print(f"\nCommands for operators reach it after `set -a; . {stack.operator_file}`, that is with\n{environment}")
    print(f"\nexport COURSE_AGENT={stack.course_agent}\nexport USER_PROGRESS={stack.user_progress}", flush=True)


def _model(folder: Path | None) -> _ModelOptions:
    if folder is None:
        return {}
    return {
        "sidecars": DaprdOptions(app_id="", resources=(*RESOURCES, folder)),
        "environment": {"LEARNFLOW_CONVERSATION": MODEL},
    }


def _refuse_taken(wishes: Mapping[str, int | None]) -> None:
    for service, port in wishes.items():
        if port is not None and is_taken(port):
            raise StackError(f"another process listens on port {port}, which {service} was to have")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.stack", description="The real stack on this machine.")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep events and documents here; else they are removed"
    )
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the log files here; else they are with the data")
    parser.add_argument(
        "--model", type=_folder, metavar="DIR", help=f"a folder with a conversation component named {MODEL!r}"
    )
    for service, usual in USUAL_PORTS.items():
        parser.add_argument(f"--{service}-port", type=_port, metavar="PORT", help=f"else {usual} if it is free")
    return parser.parse_args()


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{folder} is no folder")
    return folder.absolute()


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{port} is not from 1 to {LARGEST_PORT}")
    return port


if __name__ == "__main__":
    sys.exit(main())
