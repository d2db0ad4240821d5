"""Completes an SBOM within the build of an image: what CycloneDX's tool knows of Python packages, and the rest.

python sbom.py PYTHON.cdx.json DPKG-STATUS > WHOLE.cdx.json

It runs by the base image's own Python, where nothing of LearnFlow is installed.
"""

import json
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_USAGE: Final = "usage: sbom.py PYTHON.cdx.json DPKG-STATUS"


def main() -> None:
    """Print the whole SBOM; a file that can't be read ends it with a traceback, and with it the build."""
    match sys.argv[1:]:
        case [python_file, status_file]:
            python = json.loads(Path(python_file).read_text(encoding="utf-8"))
            status = Path(status_file).read_text(encoding="utf-8")
        case _:
            sys.exit(_USAGE)
    whole = complete(python, status, platform.freedesktop_os_release(), platform.python_version())
    json.dump(whole, sys.stdout, indent=1, sort_keys=True)
    print()


def complete(bom: Mapping[str, Any], status: str, release: Mapping[str, str], python: str) -> dict[str, Any]:
    """Add the operating system, its packages and the interpreter to an SBOM.

    Args:
        bom: CycloneDX JSON, of Python packages.
        status: the text of dpkg's status file.
        release: the fields of os-release: `ID` and, unless it is a rolling one, `VERSION_ID`.
        python: the interpreter's version. It is left out where a Debian package brought it.

    Returns:
        CycloneDX JSON with the components of `bom` first.
    """
    distro = release["ID"]
    version = release.get("VERSION_ID", "")
    components = [
        *bom.get("components", ()),
        {
            "type": "operating-system",
            "bom-ref": f"os:{distro}",
            "name": distro,
            **({"version": version} if version else {}),
        },
    ]
    packages = list(installed(status))
    components += [_debian(package, distro, version) for package in packages]
    series = ".".join(python.split(".")[:2])
    if not any(package["Package"] == f"python{series}-minimal" for package in packages):
        purl = f"pkg:generic/python@{python}"
        components.append({"type": "application", "bom-ref": purl, "name": "python", "version": python, "purl": purl})
    return {**bom, "components": components}


def installed(status: str) -> Iterator[dict[str, str]]:
    """The packages that a status file of dpkg calls installed, by their fields of one line, in the file's order."""
    for paragraph in status.split("\n\n"):
        lines = (line for line in paragraph.splitlines() if not line.startswith((" ", "\t")))
        fields = {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
        if fields.get("Status", "").endswith(" installed"):
            yield fields


def _debian(package: Mapping[str, str], distro: str, version: str) -> dict[str, Any]:
    name, architecture = package["Package"], package["Architecture"]
    where = f"{distro}-{version}" if version else distro
    purl = f"pkg:deb/{distro}/{name}@{quote(package['Version'], safe='~')}?arch={architecture}&distro={where}"
    # Debian's advisories are about source packages. The field is left out where both have one name.
    source = package.get("Source", name).split()[0]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package["Version"],
        "purl": purl,
        "properties": [{"name": "debian:source", "value": source}],
    }


if __name__ == "__main__":
    main()
