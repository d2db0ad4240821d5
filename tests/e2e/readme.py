"""What the README tells a newcomer to type, typed."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXPORTS, *EXAMPLES = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
# Fails on an HTTP error, which plain curl does not, and takes the import's address from the environment.
PERSON_SECONDS = 1
"""What a person takes at least from one command to the next; an answer is milliseconds behind the last POST."""
PRELUDE = 'set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n'


def follow(exports: str, status_url: str) -> None:
    """Run the README's commands in turn, and look at what they said.

    Args:
        exports: shell lines that say where the services are, in place of the README's own.
        status_url: where figures are asked for.
    """
    outputs = []
    for block in EXAMPLES:
        script = block.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        done = subprocess.run(
            ["bash", "-c", f"{PRELUDE}{exports}\n{script}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | {"NO_COLOR": "1"},
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        outputs.append(done.stdout)
        time.sleep(PERSON_SECONDS)
    with urlopen(f"{status_url}/status?learner_id=ada") as answer:  # noqa: S310 - our own address
        status = json.load(answer)
    lesson = json.loads(outputs[0])["lesson"]
    assert (lesson["learner_id"], lesson["topic"], lesson["duration_minutes"]) == ("ada", "Python decorators", 30)
    assert lesson["concepts"] == ["python/decorators"]
    assert outputs[1].startswith(f"# {lesson['title']}")
    assert "202 Accepted" in outputs[2]
    waited_for = json.loads(outputs[4])
    scores = {one["lesson_id"]: one["score"] for one in waited_for["lessons"]}
    assert scores == {lesson["lesson_id"]: 0.4, "intro-to-loops": 0.9}
    assert (status["lessons_requested"], status["lessons_completed"]) == (1, 2)
    assert {one["concept"]: one["last_score"] for one in status["mastery"]} == {"python/decorators": 0.4}
    assert "strengthen" in {one["kind"] for one in status["recommendations"]}
