"""The real infrastructure for tests: placement, Kafka and Postgres, started once, when the first test wants them."""

import os
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.stack.errors import StackError
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.provision import provide, why_not

REQUIRED: Final = "LEARNFLOW_REQUIRE_STACK"
FIXTURE: Final = "infrastructure"
MARKER: Final = "real_stack"
"""Of tests that ask for the fixture only while they run."""
_MISSING: Final = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def infrastructure(request: pytest.FixtureRequest) -> Iterator[Infrastructure]:
    """What runs until the session ends; a test that kills or pauses a part of it starts that part again.

    Skips where the stack can't be had, or fails if `LEARNFLOW_REQUIRE_STACK=1`.
    """
    missing = request.config.stash.get(_MISSING, None)
    if missing is not None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, and there is no stack: {missing}", pytrace=False)
        pytest.skip(f"no stack: {missing}")
    with Infrastructure() as running:
        yield running


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Install what the stack needs before the first test: that may take minutes, and a test's time is limited."""
    wanted = any(
        FIXTURE in getattr(item, "fixturenames", ()) or item.get_closest_marker(MARKER) for item in session.items
    )
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
    """Say in a line how many tests found no stack, and why."""
    missing = terminalreporter.config.stash.get(_MISSING, None)
    if missing is not None:
        skipped = sum("no stack: " in str(report.longrepr) for report in terminalreporter.getreports("skipped"))
        terminalreporter.write_line(f"{skipped} tests on the real stack were skipped: {missing}", yellow=True)
