"""The README's commands, on the stack that `make stack` brings up."""

import shutil

import pytest

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import Stack
from tests.e2e.readme import follow


@pytest.mark.process
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's examples need curl")
def test_every_command_works_in_turn(clean: Infrastructure) -> None:
    sidecars = DaprdOptions(app_id="", drain_seconds=0)
    with Stack(clean, sidecars=sidecars, with_operator=True) as stack:
        exports = f"export COURSE_AGENT={stack.course_agent} USER_PROGRESS={stack.user_progress}"
        # What `make stack` tells an operator to type.
        follow(f"{exports}; set -a; . {stack.operator_file}; set +a", stack.user_progress)
