"""`deploy/minikube/up`: LearnFlow on a Minikube, with Dapr, Kafka and Postgres; again, to bring up what has changed."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

import httpx2

from deploy.images.build import BASE, build
from deploy.images.builders import PROGRAMS, find
from deploy.images.errors import ImagesError
from deploy.minikube import control_plane, deployment, images, secrets
from deploy.minikube.errors import MinikubeError, NotReady
from deploy.minikube.tools import Tools

INTERRUPTED: Final = 130
ANSWER_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5


def main() -> int:
    """Bring it up.

    Returns:
        0 when all services answer that they are ready; 1 with the reason on stderr; 130 after Ctrl-C, which leaves what
        was done until then.
    """
    asked = _arguments()
    began = time.monotonic()
    try:
        addresses = _up(asked, Tools(asked.profile))
    except (MinikubeError, ImagesError) as error:
        print(f"up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    _tell(f"ready after {time.monotonic() - began:.0f} s")
    print(f"export COURSE_AGENT={addresses['course-agent']} USER_PROGRESS={addresses['user-progress']}")
    print("README.md has what to ask them; deploy/minikube/verify looks at all of it; deploy/minikube/down ends it.")
    return 0


def _up(asked: argparse.Namespace, tools: Tools) -> dict[str, str]:
    tools.check()
    builder = find(asked.builder)
    _tell(control_plane.ensure(tools, asked.dapr_chart))
    built = build(builder, base=asked.base, ca=asked.ca, again=False)
    loaded = images.load(tools, built)
    _tell(f"images loaded: {', '.join(image.name for image in loaded) or 'none, all are there'}")
    deployment.make_namespace(tools)
    made = secrets.ensure(tools, deployment.NAMESPACE)
    _tell(f"secrets made: {', '.join(made) or 'none, all are there'}")
    _tell("applying phase-3-backend-services/overlays/minikube; Kafka and Postgres first")
    deployment.apply(tools, built)
    _tell("the log is there; waiting for the services")
    deployment.wait(tools, *deployment.deployments(tools))
    addresses = deployment.urls(tools)
    for service, url in addresses.items():
        _wait_ready(service, url)
    return addresses


def _wait_ready(service: str, url: str) -> None:
    end = time.monotonic() + ANSWER_SECONDS
    said = ""
    while time.monotonic() < end:
        try:
            answer = httpx2.get(f"{url}/readyz", timeout=10, trust_env=False)
        except httpx2.HTTPError as error:
            said = str(error)
        else:
            if answer.is_success:
                return
            said = answer.text
        time.sleep(_LOOK_SECONDS)
    raise NotReady(f"{service} at {url}", ANSWER_SECONDS, said)


def _tell(text: str) -> None:
    print(f"up: {text}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/minikube/up", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--profile", default="minikube", help="of Minikube (default: %(default)s)")
    parser.add_argument("--builder", choices=tuple(PROGRAMS), help="of images (default: the first that works here)")
    parser.add_argument("--base", default=BASE, help="image to build on (default: %(default)s)")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="certificates to trust while images are built (default: $PIP_CERT)"
    )
    parser.add_argument("--dapr-chart", metavar="CHART", help="a folder or file instead of Dapr's published Helm chart")
    asked = parser.parse_args()
    if asked.ca is None and os.environ.get("PIP_CERT"):
        asked.ca = Path(os.environ["PIP_CERT"])
    if asked.ca is not None and not asked.ca.is_file():
        parser.error(f"--ca: {asked.ca} is no file")
    return asked


if __name__ == "__main__":
    sys.exit(main())
