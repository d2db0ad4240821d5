"""The README's commands, on the stack that `make stack` brings up."""

import shutil

import pytest

from deploy.stack.stack import Stack
from tests.e2e.readme import follow


@pytest.mark.process
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's examples need curl")
def test_every_command_works_in_turn(stack: Stack) -> None:
    exports = f"export COURSE_AGENT={stack.course_agent} USER_PROGRESS={stack.user_progress}"
    follow(exports, stack.user_progress)
