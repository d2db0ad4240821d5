"""Kafka's broker: its jars by Maven, and the Java that runs them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import cache
from deploy.stack.errors import ToolMissing
from deploy.stack.programs import dotted, on_path, version_of

VERSION: Final = "4.1.0"
JAVA_FITS: Final = (17,)
FOLDER: Final = Path(__file__).parent / "kafka"
COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


@dataclass(frozen=True)
class KafkaTools:
    """What runs a broker.

    Attributes:
        java: the program.
        jars: the folder of the broker's jars.
    """

    java: Path
    jars: Path

    @property
    def classpath(self) -> str:
        """As Java takes it."""
        return f"{self.jars}/*"


def check() -> None:
    """Look whether there is Kafka here, or its jars can be fetched, and what runs them.

    Raises:
        ToolMissing: something is not.
    """
    _java()
    if not _place().is_dir():
        _maven()


def provide() -> KafkaTools:
    """The broker; fetches its jars if need be, once.

    Raises:
        ToolMissing: there is no Java, or no Maven to fetch the jars with.
        InstallFailed: they could not be fetched.
    """
    java, place = _java(), _place()
    if not place.is_dir():
        maven = _maven()
        cache.installed(
            place,
            f"fetching Kafka {VERSION}, 54 MB, once (into {place})",
            lambda folder: _fetch(maven, folder),
        )
    return KafkaTools(java, place)


def _place() -> Path:
    return cache.place_of(f"kafka-{VERSION}", [FOLDER / "pom.xml", COPY])


def _java() -> Path:
    needs = f"Java {dotted(JAVA_FITS)} or newer"
    home = os.environ.get("JAVA_HOME")
    # JAVA_HOME goes before PATH, as in Kafka's own scripts.
    java = Path(home) / "bin" / "java" if home else on_path("java")
    if java is None:
        raise ToolMissing("Kafka", f"{needs} (there is no java on PATH)")
    version = version_of([java, "-version"])
    if version is None:
        raise ToolMissing("Kafka", f"{needs} ({java} does not answer)")
    if version < JAVA_FITS:
        raise ToolMissing("Kafka", f"{needs} ({java} is {dotted(version)})")
    return java


def _maven() -> Path:
    maven = on_path("mvn")
    if maven is None:
        raise ToolMissing("Kafka", "Maven, once, to fetch its jars (there is no mvn on PATH)")
    return maven


def _fetch(maven: Path, folder: Path) -> None:
    quiet_and_checked = ["--quiet", "--batch-mode", "--strict-checksums"]
    options = [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    command: list[str | Path] = [maven, *quiet_and_checked, "-f", FOLDER / "pom.xml", COPY, *options]
    cache.run(f"Kafka {VERSION}", command, cwd=folder)
