"""Inside an app's container: who runs here, what may be written, and what was built into the image.

Asked with {"resolve": [host names]}.
"""

import hashlib
import importlib.metadata
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
APP: Final = Path("/app")
SBOM: Final = Path("/usr/share/sbom/learnflow.cdx.json")
WANTED: Final = ("fastapi", "dapr", "learnflow")


def look(names: list[str]) -> dict[str, Any]:
    """All of it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    prefix = Path(sys.prefix)
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "capabilities": int(status["CapEff"].strip(), 16),
        "no_new_privileges": status.get("NoNewPrivs", "").strip() == "1",
        "seccomp": int(status.get("Seccomp", "0").strip()),
        "refused": {str(place): refusal_to_write(place) for place in (Path("/"), APP, prefix)},
        "tmp": refusal_to_write(Path("/tmp")),  # noqa: S108 - that is the place asked about
        "service_account_token": TOKEN.exists(),
        "command": Path("/proc/1/cmdline").read_bytes().decode().split("\0")[:-1],
        "files": {str(path.relative_to(APP)): _sha256(path) for path in sorted(APP.rglob("*")) if path.is_file()},
        "versions": {name: importlib.metadata.version(name) for name in WANTED},
        "python": ".".join(map(str, sys.version_info[:3])),
        "tools": [tool for tool in ("gcc", "make", "pip", "git") if _on_path(tool)],
        "sbom_components": len(json.loads(SBOM.read_bytes())["components"]) if SBOM.is_file() else 0,
        "addresses": {name: _address(name) for name in names},
    }


def refusal_to_write(folder: Path) -> str | None:
    """Why no file can be made in a folder; `None` if one can, which is removed again."""
    probe = folder / ".learnflow-verify"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return error.strerror
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _on_path(tool: str) -> bool:
    return any((Path(folder) / tool).exists() for folder in os.environ.get("PATH", "").split(":"))


def _address(name: str) -> str | None:
    try:
        return str(socket.getaddrinfo(name, None, socket.AF_INET)[0][4][0])
    except OSError:
        return None


if __name__ == "__main__":
    print(json.dumps(look(json.loads(sys.argv[1])["resolve"])))
