"""The Secrets that the Minikube overlay names: made once, of random passwords, and never written to a file."""

import json
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Final

from deploy.minikube.tools import Tools

BYTES: Final = 24

Entries = Mapping[str, str]


def ensure(tools: Tools, namespace: str) -> list[str]:
    """Make the Secrets that are not there; returns their names.

    Those that belong together are made together: one password is in two of them.

    Raises:
        CommandFailed: kubectl could not ask, or make them.
    """
    told = json.loads(tools.kubectl(f"--namespace={namespace}", "get", "secrets", "--output=json"))
    there = {found["metadata"]["name"] for found in told["items"]}
    made: list[str] = []
    for names, invent in _GROUPS.items():
        if not there.issuperset(names):
            invented = invent()
            tools.kubectl("apply", "--filename=-", stdin=json.dumps(_list(invented, namespace)))
            made += invented
    return made


def _list(secrets: Mapping[str, Entries], namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": {"app.kubernetes.io/part-of": "learnflow"},
                },
                "stringData": dict(entries),
            }
            for name, entries in secrets.items()
        ],
    }


def _tokens() -> dict[str, Entries]:
    return {name: {"token": token_hex(BYTES)} for name in ("app-api-token", "dapr-api-token")}


def _kafka() -> dict[str, Entries]:
    password = token_hex(BYTES)
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "kafka": {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "learnflow",
            "sasl.password": password,
        },
        "kafka-server": {"jaas": f'{module} required user_learnflow="{password}";'},
    }


def _postgres() -> dict[str, Entries]:
    password = token_hex(BYTES)
    where = "host=postgres port=5432 dbname=learnflow user=learnflow"
    return {
        "postgres": {"connectionString": f"{where} password={password} sslmode=disable connect_timeout=10"},
        "postgres-server": {"password": password},
    }


_GROUPS: Final[Mapping[tuple[str, ...], Callable[[], dict[str, Entries]]]] = {
    ("app-api-token", "dapr-api-token"): _tokens,
    ("kafka", "kafka-server"): _kafka,
    ("postgres", "postgres-server"): _postgres,
}
