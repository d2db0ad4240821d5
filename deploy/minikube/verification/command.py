"""The command line of the verification."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from deploy.minikube.verification.check import Check, carry_out, needed_for
from deploy.minikube.verification.checks import CHECKS
from deploy.minikube.verification.cluster import Cluster
from deploy.minikube.verification.errors import VerificationError
from deploy.minikube.verification.findings import Finding
from deploy.minikube.verification.kubectl import Kubectl
from deploy.minikube.verification.phases import PHASES
from deploy.minikube.verification.report import Report, as_json, finding_text, markdown, summary_text
from deploy.minikube.verification.scene import Scene, addresses_of

RED: Final = 1
UNREACHABLE: Final = 2
INTERRUPTED: Final = 130
ACCEPTANCE: Final = "acceptance"
_ABOUT: Final = """\
Carry out the acceptance scenarios of the feature specification against LearnFlow in a cluster, and say how each
requirement stands.

Ends with status 0 if all that was looked at is as it must be, 1 if something is not, and 2 if the cluster can't be
reached. It adds learners whose names begin with verify-, and no others may write while it counts."""
_PARTS: Final = """\
parts (acceptance alone if none is named):
  acceptance  what runs, what it answers, what is in Postgres, Kafka and placement
  restarts    every sidecar and every pod is ended in turn, Kafka and Postgres as well, under traffic
  rollouts    every Deployment is rolled out anew, under traffic: no failed GET, no lost POST
  scaling     the projector goes from 1 to 3 replicas and back, under traffic: exact figures"""


def main(arguments: Sequence[str]) -> int:
    """Verify, as the command line says; see its `--help` for the exit status."""
    asked = parser().parse_args(arguments)
    # Also where a shell starts it in its background: phases put back what they have changed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    stream = sys.stderr if asked.json else sys.stdout
    began, clock = datetime.now(UTC), time.monotonic()
    findings = list[Finding]()
    where, interrupted = "", False
    try:
        kubectl = Kubectl(context=asked.context, namespace=asked.namespace)
        cluster = Cluster(kubectl)
        addresses = addresses_of(cluster, asked.course_agent, asked.user_progress)
        scene = Scene(cluster, addresses, tell=lambda text: _tell(stream, f"     ... {text}"))
        where = (
            f"context {asked.context}, namespace {asked.namespace}, course-agent {scene.addresses.course_agent},"
            f" user-progress {scene.addresses.user_progress}"
        )
        _tell(stream, f"LearnFlow: {where}, learner {scene.learner}\n")
        for check in chosen(asked):
            findings.append(carry_out(check, scene))
            _tell(stream, finding_text(findings[-1]))
    except (VerificationError, ValueError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return UNREACHABLE
    except KeyboardInterrupt:
        interrupted = True
    if not findings:
        return INTERRUPTED
    report = Report(
        where=where, began=began, seconds=time.monotonic() - clock, findings=findings, needed=needed_for(CHECKS)
    )
    _tell(stream, f"\n{summary_text(report)}")
    if asked.json:
        print(as_json(report), end="")
    if asked.report is not None:
        asked.report.write_text(markdown(report), encoding="utf-8")
    if interrupted:
        return INTERRUPTED
    return 0 if report.green else RED


def chosen(asked: argparse.Namespace) -> list[Check]:
    """The checks that a command line asks for, in the order in which they are carried out."""
    parts = [ACCEPTANCE, *(phase.name for phase in PHASES)] if asked.stress else asked.parts or [ACCEPTANCE]
    checks = [*CHECKS] if ACCEPTANCE in parts else []
    checks += [phase for phase in PHASES if phase.name in parts]
    return [check for check in checks if not asked.only or check.name in asked.only]


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    options = argparse.ArgumentParser(
        prog="verify", description=_ABOUT, epilog=_PARTS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [ACCEPTANCE, *(phase.name for phase in PHASES)]
    options.add_argument("parts", nargs="*", choices=[*names, []], metavar="part", help=f"of {', '.join(names)}")
    options.add_argument("--stress", action="store_true", help="all parts")
    options.add_argument(
        "--only",
        action="append",
        choices=[check.name for check in CHECKS],
        metavar="CHECK",
        help="this check; repeatable",
    )
    options.add_argument("--report", type=_report_file, metavar="FILE", help="write the report there, as Markdown")
    options.add_argument("--json", action="store_true", help="the report as JSON on stdout, the rest on stderr")
    options.add_argument(
        "--context", default="minikube", metavar="NAME", help="of kubectl's configuration (default: minikube)"
    )
    options.add_argument("--namespace", default="learnflow", metavar="NAME", help="(default: learnflow)")
    options.add_argument(
        "--course-agent", metavar="URL", help="where it is reached (default: its NodePort on the node's address)"
    )
    options.add_argument("--user-progress", metavar="URL", help="likewise")
    return options


def _report_file(text: str) -> Path:
    # Before all the work, not after it.
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"no file can be written at {text}")
    return path


def _tell(stream: TextIO, text: str) -> None:
    print(text, file=stream, flush=True)
