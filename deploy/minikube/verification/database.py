"""Postgres as an operator sees it: SQL in its pod, past Dapr and LearnFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.cluster import POSTGRES_POD
from deploy.minikube.verification.errors import NotThere
from deploy.minikube.verification.kubectl import Kubectl, read_json

DOCUMENTS: Final = "learnflow_state"
AGENTS: Final = "learnflow_agents_state"
_PSQL: Final = (
    "sh",
    "-c",
    # By its port: the socket is in another folder with another build of Postgres.
    'PGPASSWORD="$POSTGRES_PASSWORD" exec psql --host=127.0.0.1 "$@"',
    "psql",
    "--username=learnflow",
    "--dbname=learnflow",
    "--no-psqlrc",
    "--quiet",
    "--no-align",
    "--tuples-only",
    "--set=ON_ERROR_STOP=1",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the documents' table.

    Attributes:
        value: the very bytes.
        etag: as Dapr gives it to whoever reads.
    """

    key: str
    value: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the offsets of a partition of the log, as its document says.

    Attributes:
        log_start: the first offset folded.
        checkpoint: the last one accounted for.
    """

    partition: int
    log_start: int
    checkpoint: int
    applied: int
    duplicate: int
    parked: int
    missing: int

    @property
    def sound(self) -> bool:
        """Whether every offset up to the checkpoint became something, once."""
        return self.applied + self.duplicate + self.parked + self.missing == self.checkpoint - self.log_start + 1


class Postgres:
    """The database of the deployment."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def rows(self, statement: str, **variables: str) -> list[dict[str, Any]]:
        """The rows that a SELECT finds, each by the names of its columns.

        Args:
            statement: one SELECT; `:'name'` in it stands for the variable of that name as a literal.
            variables: their values.

        Raises:
            VerificationError: it could not be carried out.
        """
        sets = [f"--set={name}={value}" for name, value in variables.items()]
        # On stdin, because psql fills in no variables in what is given by an option.
        wrapped = f"SELECT coalesce(json_agg(found), '[]') FROM ({statement}) AS found;\n"  # noqa: S608 - our own statements
        said = self._kubectl.execute(POSTGRES_POD, [*_PSQL, *sets], stdin=wrapped)
        found: list[dict[str, Any]] = read_json(said, "psql")
        return found

    def row(self, key: str) -> Row:
        """The row of a document.

        Raises:
            NotThere: there is none.
            VerificationError: Postgres can't be asked.
        """
        statement = f"SELECT encode(value, 'hex') AS value, etag FROM {DOCUMENTS} WHERE key = :'key'"  # noqa: S608 - our own table
        found = self.rows(statement, key=key)
        if not found:
            raise NotThere(f"table {DOCUMENTS} has no row with key {key}")
        return Row(key, bytes.fromhex(found[0]["value"]), str(found[0]["etag"]))

    def generation(self) -> int:
        """The generation of documents that GETs answer from.

        Raises:
            NotThere: nothing was projected yet.
            VerificationError: Postgres can't be asked.
        """
        control = read_json(self.row("control").value.decode(), "the document `control`")
        return int(control["active"])

    def accounts(self) -> dict[int, Account]:
        """The accounts of every partition of the generation that serves, as of one moment.

        Raises:
            VerificationError: Postgres can't be asked.
        """
        statement = (
            f"SELECT convert_from(value, 'UTF8')::json AS document FROM {DOCUMENTS} WHERE key ~ ('^g' || "  # noqa: S608
            f"(SELECT convert_from(value, 'UTF8')::json->>'active' FROM {DOCUMENTS} WHERE key = 'control')"
            " || '/partition/[0-9]+$')"
        )
        accounts = [account_of(one["document"]) for one in self.rows(statement)]
        return {account.partition: account for account in accounts}


def account_of(document: Mapping[str, Any]) -> Account:
    """The accounts in a partition's document; a count that it leaves out is 0."""
    return Account(
        partition=document["partition"],
        log_start=document["log_start"],
        checkpoint=document["checkpoint"],
        applied=document.get("applied", 0),
        duplicate=document.get("duplicate", 0),
        parked=document.get("parked", 0),
        missing=document.get("missing", 0),
    )
