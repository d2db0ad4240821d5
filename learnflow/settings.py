"""Settings, read from environment variables that begin with `LEARNFLOW_`."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SidecarKind(StrEnum):
    """What stands behind the ports."""

    EMBEDDED = "embedded"
    DAPR = "dapr"


class Settings(BaseSettings):
    """How a service runs; every field is a variable, e.g. `LEARNFLOW_DATA_DIR`.

    Attributes:
        sidecar: what stands behind the ports: one file, or Dapr.
        data_dir: the folder of the embedded default.
        host: the address to listen on.
        port: to listen on; 0 takes a free one.
        drain_seconds: how long requests are still taken after SIGTERM, each answer asking its client to connect anew.
            For whatever sends requests here takes a moment to learn that it should not.
        partitions: of a log that is newly made.
        publish_deadline_seconds: how long a POST waits for the log's confirmation.
        publish_linger_seconds: how long a lone POST waits for others to share its append.
        publish_waiting: how many POSTs may wait for the log; one more is answered 503.
        delivery_records: the most records that the projector is given at once by the embedded default. With Dapr its
            Subscription says that.
        message_bytes: the most that one message to or from the sidecar may hold, such as a transaction; must not exceed
            daprd's --max-body-size.
        kafka_brokers: with Dapr, where the projector checks the log and heals holes.
        kafka_secret: the secret with further properties of librdkafka, such as credentials; empty for none.
        packs: folders with packs of teaching material besides our own, separated as `PATH` is.
        standing_seconds: how long a POST /generate-lesson waits to learn how its learner stands.
        repeat_seconds: how long one with an `Idempotency-Key` waits for the lesson that was recorded under it.
        conversation: with Dapr, the component that agents talk to a language model through; empty for none.
        conversation_seconds: how long the model has for an answer.
        log_level: of the program's own log, on stderr.
    """

    model_config = SettingsConfigDict(env_prefix="LEARNFLOW_", extra="ignore")

    sidecar: SidecarKind = SidecarKind.EMBEDDED
    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    publish_deadline_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    publish_linger_seconds: Annotated[float, Field(ge=0, le=1)] = 0.0
    publish_waiting: Annotated[int, Field(ge=1, le=100_000)] = 2000
    delivery_records: Annotated[int, Field(ge=1, le=10_000)] = 500
    message_bytes: Annotated[int, Field(ge=1024**2, le=1024**3)] = 4 * 1024**2
    kafka_brokers: Annotated[str, Field(min_length=1)] = "127.0.0.1:9092"
    kafka_secret: str = ""
    packs: str = ""
    standing_seconds: Annotated[float, Field(gt=0, le=30)] = 1.0
    repeat_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    conversation: str = ""
    conversation_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"


class DaprSettings(BaseSettings):
    """Where the sidecar is, from the variables that Dapr itself sets in an app's environment.

    Attributes:
        runtime_host: the address of the sidecar.
        http_port: of its HTTP API.
        grpc_port: of its gRPC API.
        http_endpoint: base URL of its HTTP API; goes before host and port.
        grpc_endpoint: host and port of its gRPC API, without a scheme; goes before host and port.
        api_token: what it wants to be shown.
        health_timeout: how many seconds a command for operators waits at its beginning for a sidecar that does not
            answer yet, as it is where both are started at once; 0 for not at all.
    """

    model_config = SettingsConfigDict(env_prefix="DAPR_", extra="ignore")

    runtime_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=1, le=65535)] = 3500
    grpc_port: Annotated[int, Field(ge=1, le=65535)] = 50001
    http_endpoint: str = ""
    grpc_endpoint: Annotated[str, Field(pattern=r"^([^/:]+:\d+)?$")] = ""
    api_token: str = ""
    health_timeout: Annotated[float, Field(ge=0, le=3600)] = 0.0


class AppSettings(BaseSettings):
    """What Dapr sets for calls in the other direction.

    Attributes:
        api_token: what the sidecar shows to the app.
    """

    model_config = SettingsConfigDict(env_prefix="APP_", extra="ignore")

    api_token: str = ""


def read_settings(given: Mapping[str, object]) -> Settings:
    """Settings from the environment, overridden by what was given; with Dapr, what it has set there is checked as well.

    Raises:
        ValidationError: some are not valid.
    """
    settings = Settings.model_validate({**Settings().model_dump(), **given})
    if settings.sidecar is SidecarKind.DAPR:
        for also_read in (DaprSettings, AppSettings):
            also_read()
    return settings


def faults_in_words(invalid: ValidationError) -> str:
    """What is wrong with settings, in one line; each fault with the name of its field."""
    faults = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()]
    return f"settings: {'; '.join(faults)}"
