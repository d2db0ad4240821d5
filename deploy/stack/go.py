"""Go: whether the one on this machine can build what a go.mod asks for."""

import re
from pathlib import Path
from typing import Final

from deploy.stack.errors import ToolMissing
from deploy.stack.programs import answer, dotted, on_path, version_of

# Where its own installer puts it; not everybody has that on PATH.
FOLDER: Final = Path("/usr/local/go/bin")
_GO_LINE: Final = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_FETCHES_TOOLCHAINS: Final = (1, 21)


def find(tool: str, module: Path, instead: str = "") -> Path:
    """The `go` that builds a tool.

    Args:
        tool: what is to be built, for the error.
        module: the folder of the go.mod that says how new Go must be.
        instead: what would make Go unnecessary, for the error; ends with ", or ".

    Raises:
        ToolMissing: there is none, or it is older and fetches no newer one by itself.
    """
    wanted = _wanted(tool, module)
    needs = f"{instead}Go {dotted(wanted)} or newer"
    go = on_path("go", FOLDER)
    if go is None:
        raise ToolMissing(tool, f"{needs} (there is no go on PATH)")
    version = version_of([go, "version"])
    if version is None:
        raise ToolMissing(tool, f"{needs} ({go} does not answer)")
    if version < wanted and not _fetches_newer(go, version):
        raise ToolMissing(tool, f"{needs} ({go} is {dotted(version)})")
    return go


def _wanted(tool: str, module: Path) -> tuple[int, ...]:
    line = _GO_LINE.search((module / "go.mod").read_text(encoding="utf-8"))
    if line is None:
        raise ToolMissing(tool, f"a go line in {module / 'go.mod'}")
    return tuple(int(part) for part in line.groups() if part is not None)


def _fetches_newer(go: Path, version: tuple[int, ...]) -> bool:
    policy = answer([go, "env", "GOTOOLCHAIN"])
    return version >= _FETCHES_TOOLCHAINS and policy is not None and policy.strip() != "local"
