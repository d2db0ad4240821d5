"""One Postgres server with one role and one database, both named `learnflow`."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from typing_extensions import override

from deploy.stack.account import Account, unprivileged
from deploy.stack.environment import variables
from deploy.stack.errors import DataUnusable, NotStarted
from deploy.stack.guardian import Guardian
from deploy.stack.ports import HOST, free_port
from deploy.stack.postgres_tools import PostgresTools
from deploy.stack.process import Command, Process
from deploy.stack.server import Server

NAME: Final = "learnflow"
INIT_SECONDS: Final = 120
# Of about ten sidecars with ten connections each, and of whoever looks in.
CONNECTIONS: Final = 150
_STATUS_LINE: Final = 7


class Postgres(Server):
    """A server that keeps its data in a folder; it is not told to trade safety for speed."""

    def __init__(self, tools: PostgresTools, folder: Path, logs: Path, guardian: Guardian) -> None:
        """Take a folder, without starting anything.

        Raises:
            DataUnusable: it can't be reached by the account that Postgres runs as.
        """
        self.port = free_port()
        self._account = unprivileged()
        self._folder = folder
        self._data = folder / "data"
        self._tools = _reachable(tools, folder, self._account)
        arguments: list[str | Path] = [
            self._tools.bin / "postgres",
            "-D",
            self._data,
            *(f"--{name}={value}" for name, value in self._settings().items()),
        ]
        command = Command(
            name="postgres",
            arguments=arguments,
            environment=variables(),
            log=logs / "postgres.log",
            ports=(self.port,),
            account=self._account,
            # "Fast": it does not wait until its clients leave.
            stop_signal=signal.SIGINT,
        )
        super().__init__(Process(command, guardian))

    @property
    def dsn(self) -> str:
        """Host, port, user, password and database, as libpq and Dapr take it."""
        password = self._password_file.read_text(encoding="utf-8").strip()
        return f"host={HOST} port={self.port} user={NAME} password={password} dbname={NAME} sslmode=disable"

    @property
    def psql(self) -> str:
        """A shell line that opens the database."""
        password = self._password_file.read_text(encoding="utf-8").strip()
        return f"PGPASSWORD={password} {self._tools.bin / 'psql'} -h {HOST} -p {self.port} -U {NAME} {NAME}"

    @override
    def prepare(self) -> None:
        """Make its data folder, role and database the first time.

        Raises:
            NotStarted: they could not be made.
            DataUnusable: the data is of another major version of Postgres.
        """
        if not self._password_file.exists():
            self._initialise()
        version = (self._data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if version != str(self._tools.major):
            raise DataUnusable(f"{self._data} was made by Postgres {version}, and this is {self._tools.major}")

    @override
    def trouble(self) -> str | None:
        # What pg_ctl looks at, too.
        file = self._data / "postmaster.pid"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return "it has not begun"
        if not lines or lines[0] != str(self.process.pid):
            return "it has not begun"
        state = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"
        return None if state == "ready" else state

    @property
    def _password_file(self) -> Path:
        return self._folder / "password"

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": HOST,
            "port": str(self.port),
            # Whoever knows the password comes by TCP; nobody else comes at all.
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS),
            # A sidecar that hangs within a transaction keeps the accounts of its partition locked, and no other
            # projector can take the partition over.
            "idle_in_transaction_session_timeout": "10s",
        }

    def _initialise(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)  # Of an attempt that did not reach its end.
        self._data.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(self._data, self._account.uid, self._account.gid)
        self._run(["initdb", "-D", self._data, "--auth=reject", "--encoding=UTF8", "--locale=C"], "")
        # Nobody but our role may come in at all, so that the owner of the server needs no password to lose.
        (self._data / "pg_hba.conf").write_text(f"host {NAME} {NAME} {HOST}/32 scram-sha-256\n", encoding="utf-8")
        password = secrets.token_urlsafe(24)
        statements = f"CREATE ROLE {NAME} LOGIN PASSWORD '{password}'\nCREATE DATABASE {NAME} OWNER {NAME}\n"
        alone: list[str | Path] = ["postgres", "--single", "-D", self._data, "-c", "exit_on_error=on", "template1"]
        self._run(alone, statements)
        unfinished = self._password_file.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(password, encoding="utf-8")
        unfinished.rename(self._password_file)

    def _run(self, command: Sequence[str | Path], text: str) -> None:
        account, log = self._account, self.process.command.log
        with log.open("ab") as output:
            status = subprocess.run(
                [self._tools.bin / command[0], *command[1:]],
                cwd="/",
                env=variables(),
                input=text.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=INIT_SECONDS,
                check=False,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            ).returncode
        if status != 0:
            why = f"could not make its data ({command[0]} ended with status {status})"
            raise NotStarted(self.name, why, log, self.process.tail())


def _reachable(tools: PostgresTools, folder: Path, account: Account | None) -> PostgresTools:
    """Programs that the account can run: those of a cache in root's home are copied beside the data."""
    if account is None:
        return tools
    if not account.reaches(folder):
        raise DataUnusable(
            f"Postgres does not run as root, and as {account.name} it can't enter the folders above {folder}; "
            "name a data folder that others may enter, or run the stack as another user"
        )
    if tools.root is None or account.reaches(tools.bin / "postgres"):
        return tools
    copied = folder / "programs"
    if not copied.exists():
        unfinished = folder / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(tools.root, unfinished)
        unfinished.rename(copied)
    return PostgresTools(copied, copied / tools.bin.relative_to(tools.root), tools.major)
