"""The tools for manifests, installed before the first test; where they can't be had, tests are skipped."""

import os
from typing import Final

import pytest

from deploy.manifests.provision import ManifestTools, provide, why_not
from deploy.stack.errors import StackError
from tests.real_stack import REQUIRED

FIXTURE: Final = "manifest_tools"
_MISSING: Final = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def manifest_tools(request: pytest.FixtureRequest) -> ManifestTools:
    """The program kustomize, and the definitions of Dapr and KEDA.

    Skips where they can't be had, or fails if `LEARNFLOW_REQUIRE_STACK=1`.
    """
    missing = request.config.stash.get(_MISSING, None)
    if missing is not None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, and there are no tools for manifests: {missing}", pytrace=False)
        pytest.skip(f"no tools for manifests: {missing}")
    return provide()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Install them: that may take a minute, and a test's time is limited."""
    wanted = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        missing = _missing()
        if missing is not None:
            session.config.stash[_MISSING] = missing


def _missing() -> str | None:
    reason = why_not()
    if reason is None:
        try:
            provide()
        except StackError as error:
            return " ".join(str(error).split())
    return reason


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in a line how many tests found no tools, and why."""
    missing = terminalreporter.config.stash.get(_MISSING, None)
    if missing is not None:
        skipped = sum(
            "no tools for manifests: " in str(report.longrepr) for report in terminalreporter.getreports("skipped")
        )
        terminalreporter.write_line(f"{skipped} tests of manifests were skipped: {missing}", yellow=True)
