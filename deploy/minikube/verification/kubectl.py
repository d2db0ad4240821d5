"""kubectl, as typed calls. Whatever the cluster is asked, it is asked through this."""

import json
import subprocess
from collections.abc import Collection, Sequence
from typing import Any, Final

from deploy.minikube.verification.errors import CommandFailed, CommandHangs, ToolMissing, Unexpected

USUAL_SECONDS: Final = 60.0


class Kubectl:
    """One context and one namespace.

    Attributes:
        context: of kubectl's configuration.
        namespace: that is looked into where a call names none.
    """

    def __init__(self, *, context: str, namespace: str) -> None:
        self.context = context
        self.namespace = namespace

    def run(
        self,
        *arguments: str,
        stdin: str | None = None,
        seconds: float = USUAL_SECONDS,
        allowed: Collection[int] = (0,),
    ) -> str:
        """Run kubectl to its end; the answer is its stdout.

        Args:
            arguments: its own.
            stdin: what it reads.
            seconds: that it has.
            allowed: statuses that are no failure.

        Raises:
            ToolMissing: there is no kubectl.
            CommandFailed: it ended with a status that is not allowed.
            CommandHangs: it took longer than `seconds`.
        """
        return self._run(arguments, stdin, seconds, allowed)

    def json(self, *arguments: str, seconds: float = USUAL_SECONDS) -> Any:
        """Run kubectl with `-o json`; the answer is what it says.

        Raises:
            Unexpected: that is no JSON.
            VerificationError: see `run`.
        """
        return read_json(self._run((*arguments, "--output=json"), None, seconds), "kubectl")

    def raw(self, path: str, *, seconds: float = USUAL_SECONDS) -> str:
        """GET an address of the API server, or of a pod or Service behind it.

        Raises:
            VerificationError: see `run`.
        """
        return self._run(("get", "--raw", path), None, seconds)

    def execute(
        self,
        pod: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        stdin: str | None = None,
        seconds: float = USUAL_SECONDS,
    ) -> str:
        """Run a program in a container; the answer is its stdout.

        Args:
            pod: its name.
            command: the program and its arguments.
            container: its name; none given, the pod's default one.
            stdin: what the program reads.
            seconds: that it has.

        Raises:
            VerificationError: see `run`.
        """
        where = () if container is None else ("--container", container)
        return self._run(("exec", "--stdin", pod, *where, "--", *command), stdin or "", seconds)

    def _run(self, arguments: Sequence[str], stdin: str | None, seconds: float, allowed: Collection[int] = (0,)) -> str:
        command = ["kubectl", f"--context={self.context}", f"--namespace={self.namespace}", *arguments]
        try:
            ended = subprocess.run(
                command, input=stdin or "", capture_output=True, text=True, timeout=seconds, check=False
            )
        except FileNotFoundError as error:
            raise ToolMissing("kubectl") from error
        except subprocess.TimeoutExpired as error:
            raise CommandHangs(command, seconds) from error
        if ended.returncode not in allowed:
            raise CommandFailed(command, ended.returncode, ended.stderr)
        return ended.stdout


def read_json(text: str, who: str) -> Any:
    """What somebody says in JSON.

    Raises:
        Unexpected: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unexpected(f"{who} was to answer with JSON, and said {text[:200]!r}") from error
