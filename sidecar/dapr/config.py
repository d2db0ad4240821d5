"""What the adapter has to be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DaprConfig:
    """Where the sidecar is, and how its components are called.

    Attributes:
        grpc_endpoint: host and port of the sidecar's gRPC API.
        http_endpoint: base URL of its HTTP API, without a slash at the end.
        api_token: what the sidecar wants to be shown with every call (`DAPR_API_TOKEN`); empty if nothing.
        app_token: what the sidecar shows with every call to us (`APP_API_TOKEN`); empty if nothing.
        pubsub: name of the pub/sub component.
        topic: of the log.
        state_store: name of the state store component.
        secret_store: name of the secret store component.
        max_message_bytes: the most that a request or an answer may hold; daprd's own default is 4 MiB.
        max_record_bytes: the most that one record may hold; what the component and the topic allow, less some overhead.
        read_seconds: deadline of a read of documents or secrets.
        write_seconds: deadline of a transaction.
    """

    grpc_endpoint: str = "127.0.0.1:50001"
    http_endpoint: str = "http://127.0.0.1:3500"
    api_token: str = ""
    app_token: str = ""
    pubsub: str = "events"
    topic: str = "learnflow.events"
    state_store: str = "documents"
    secret_store: str = "secrets"  # noqa: S105 - the name of a component
    max_message_bytes: int = 4 * 1024 * 1024
    max_record_bytes: int = 950_000
    read_seconds: float = 3.0
    write_seconds: float = 10.0
