"""Both together: the program and the definitions."""

from dataclasses import dataclass
from pathlib import Path

from deploy.manifests import definitions, kustomize_tools
from deploy.manifests.definitions import Definitions
from deploy.stack.errors import ToolMissing


@dataclass(frozen=True, slots=True)
class ManifestTools:
    """What manifests are rendered with and held against."""

    kustomize: Path
    definitions: Definitions


def why_not() -> str | None:
    """Why these can't be had on this machine, in one line; `None` if they can. Cheap: fetches nothing."""
    missing = []
    for check in (kustomize_tools.check, definitions.check):
        try:
            check()
        except ToolMissing as error:
            missing.append(str(error))
    return "; ".join(missing) or None


def provide() -> ManifestTools:
    """Both, installed into the cache unless they are there: a minute, once, and no network afterwards.

    Raises:
        ToolMissing: see `why_not`.
        InstallFailed: one could not be built or fetched.
    """
    return ManifestTools(kustomize_tools.provide(), definitions.provide())
