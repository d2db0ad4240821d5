"""What a POST costs before it does anything: the same framework and the same body, checked and answered. No log."""

import sys

import uvicorn
from fastapi import FastAPI

from command_api.commands import ProgressAccepted, RecordedProgress, UpdateProgress
from events.times import EPOCH

app = FastAPI()


@app.post("/update-progress", status_code=202)
async def update_progress(command: UpdateProgress) -> ProgressAccepted:
    """Check the body and answer in the shape of the real endpoint."""
    recorded = RecordedProgress(
        completion=command.completion, score=command.score, time_spent_seconds=0, achievements=[], occurred_at=EPOCH
    )
    return ProgressAccepted(
        event_id="none", learner_id=command.learner_id, lesson_id=command.lesson_id, recorded=recorded
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
