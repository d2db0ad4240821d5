"""Settings, read from environment variables that begin with `LEARNFLOW_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """How a service runs; every field is a variable, e.g. `LEARNFLOW_DATA_DIR`.

    Attributes:
        data_dir: the folder of the embedded default.
        host: the address to listen on.
        port: to listen on; 0 takes a free one.
        partitions: of a log that is newly made.
        publish_deadline_seconds: how long a POST waits for the log's confirmation.
        publish_linger_seconds: how long a lone POST waits for others to share its append.
        publish_waiting: how many POSTs may wait for the log; one more is answered 503.
        log_level: of the program's own log, on stderr.
    """

    model_config = SettingsConfigDict(env_prefix="LEARNFLOW_", extra="ignore")

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    publish_deadline_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    publish_linger_seconds: Annotated[float, Field(ge=0, le=1)] = 0.0
    publish_waiting: Annotated[int, Field(ge=1, le=100_000)] = 2000
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
