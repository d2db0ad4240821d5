"""`deploy/minikube/replay`: all documents folded anew by the Job of jobs/replay, while the services go on."""

import argparse
import sys
import time
from typing import Final

from deploy.minikube.deployment import NAMESPACE, SERVICES, wait_for_job, with_images
from deploy.minikube.errors import MinikubeError
from deploy.minikube.tools import Tools

INTERRUPTED: Final = 130
FOLDER: Final = SERVICES / "jobs" / "replay"
JOB: Final = "replay"
LEAD: Final = f"job-name={JOB},batch.kubernetes.io/job-completion-index=0"
SECONDS: Final = 3600.0


def main() -> int:
    """Run the Job, and wait for its end.

    Returns:
        0 when the new generation serves; 1 with what the Job said on stderr; 130 after Ctrl-C: the Job goes on.
    """
    parser = argparse.ArgumentParser(prog="deploy/minikube/replay", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--profile", default="minikube", help="of Minikube (default: %(default)s)")
    parser.add_argument("--image", help="such as that of a version with another fold (default: the projector's)")
    asked = parser.parse_args()
    tools = Tools(asked.profile)
    try:
        tools.check()
        began = time.monotonic()
        # A Job can't be changed, only made again; what one that was broken off has built is gone on with.
        tools.kubectl(f"--namespace={NAMESPACE}", "delete", f"job/{JOB}", "--ignore-not-found")
        with with_images(FOLDER, {"learnflow/projector": asked.image or _running_image(tools)}) as folder:
            tools.kubectl("apply", f"--kustomize={folder}")
        # Share 0 leads, and tells what became of it.
        print(wait_for_job(tools, JOB, pods=LEAD, seconds=SECONDS), end="")
        print(f"replay: done after {time.monotonic() - began:.0f} s", file=sys.stderr)
    except MinikubeError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"replay: the Job goes on: kubectl -n {NAMESPACE} get job/{JOB}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _running_image(tools: Tools) -> str:
    path = "--output=jsonpath={.spec.template.spec.containers[?(@.name=='app')].image}"
    return tools.kubectl(f"--namespace={NAMESPACE}", "get", "deployment/projector", path)


if __name__ == "__main__":
    sys.exit(main())
