"""Examples for the API description: Ada asks for a lesson on Python decorators and reports that she has done it."""

from typing import Any, Final

Example = dict[str, Any]

_SUMMARY: Final[Example] = {
    "lesson_id": "6f1c2a52-9a1e-5b0d-8a5e-0d4c1c7f9b21",
    "learner_id": "ada",
    "topic": "Python decorators",
    "title": "Python decorators: a first lesson",
    "level": "beginner",
    "duration_minutes": 30,
    "requested_at": "2026-01-31T09:30:00.123456Z",
}
_STEPS: Final[Example] = {
    "objectives": ["Write a decorator that times a function"],
    "elements": [
        {
            "kind": "objectives",
            "title": "Where this lesson goes, and what you need for it",
            "minutes": 2,
            "content": "This is an outline. The facts come from your own material.",
        },
        {
            "kind": "explanation",
            "title": "Find out about objective 1 in your material",
            "minutes": 10,
            "content": "Look in your material for an example worked from start to finish.",
        },
        {
            "kind": "practice",
            "title": "Practise objective 1",
            "minutes": 10,
            "content": "1. (3 min) Copy a worked example step by step.\n2. (7 min) Write one of your own.",
        },
        {
            "kind": "check",
            "title": "Check yourself on objective 1",
            "minutes": 6,
            "content": "Answer from memory, then compare with your material.",
        },
        {
            "kind": "reflection",
            "title": "Look back, and choose what is next",
            "minutes": 2,
            "content": "Look back on your work on Python decorators.",
        },
    ],
}
_DONE_AT: Final = "2026-01-31T10:05:00Z"
_AS_OF: Final[Example] = {"time": "2026-01-31T10:05:01.250000Z", "positions": {"3": 41}}

GENERATE_LESSON: Final[Example] = {
    "learner_id": "ada",
    "topic": "Python decorators",
    "level": "beginner",
    "objectives": ["Write a decorator that times a function"],
    "duration_minutes": 30,
}
LESSON_ACCEPTED: Final[Example] = {
    "event_id": "019c1375-aa3b-7c52-8f6e-2b5f0d3c9a10",
    "lesson": {**_SUMMARY, **_STEPS},
}
UPDATE_PROGRESS: Final[Example] = {
    "learner_id": "ada",
    "lesson_id": _SUMMARY["lesson_id"],
    "completion": 1,
    "score": 0.85,
    "time_spent_seconds": 1260,
    "achievements": ["first-lesson"],
    "occurred_at": _DONE_AT,
}
PROGRESS_ACCEPTED: Final[Example] = {
    "event_id": "019c1395-a9e0-7d1f-9c3b-84f2a6e07b55",
    "learner_id": "ada",
    "lesson_id": _SUMMARY["lesson_id"],
    "recorded": {
        "completion": 1,
        "score": 0.85,
        "time_spent_seconds": 1260,
        "achievements": ["first-lesson"],
        "occurred_at": _DONE_AT,
    },
}
LESSON_LIST: Final[Example] = {
    "lessons": [_SUMMARY],
    "next_cursor": "eyJnIjoxLCJmIjoiMDEyMzQ1Njc4OWFiIiwicCI6eyIzIjoxMn19",
    "as_of": _AS_OF,
}
LESSON_IN_FULL: Final[Example] = {
    **_SUMMARY,
    **_STEPS,
    "composer": "outline/1",
    "progress": {
        "completion": 1,
        "score": 0.85,
        "completed_at": _DONE_AT,
        "time_spent_seconds": 1260,
        "reports": 1,
        "last_activity_at": _DONE_AT,
    },
    "as_of": _AS_OF,
}
LEARNER_STATUS: Final[Example] = {
    "learner_id": "ada",
    "lessons_requested": 1,
    "lessons_known": 1,
    "lessons_started": 1,
    "lessons_completed": 1,
    "completion_rate": 1,
    "average_score": 0.85,
    "time_spent_seconds": 1260,
    "events": 2,
    "last_activity_at": _DONE_AT,
    "achievements": ["first-lesson"],
    "streak_days": 1,
    "longest_streak_days": 1,
    "lessons": [
        {
            "lesson_id": _SUMMARY["lesson_id"],
            "topic": "Python decorators",
            "title": "Python decorators: a first lesson",
            "level": "beginner",
            "requested_at": _SUMMARY["requested_at"],
            "completion": 1,
            "score": 0.85,
            "completed_at": _DONE_AT,
            "time_spent_seconds": 1260,
            "last_activity_at": _DONE_AT,
        }
    ],
    "recommendations": [
        {
            "kind": "advance",
            "lesson_id": _SUMMARY["lesson_id"],
            "title": "Python decorators: a first lesson",
            "why": "You completed it with 85 %: the intermediate level is next.",
            "request": {"learner_id": "ada", "topic": "Python decorators", "level": "intermediate"},
        }
    ],
    "as_of": _AS_OF,
}
PLATFORM_STATUS: Final[Example] = {
    "learners": 2,
    "lessons_requested": 2,
    "lessons_known": 3,
    "lessons_started": 2,
    "lessons_completed": 1,
    "completion_rate": 0.3333333333333333,
    "average_score": 0.7,
    "time_spent_seconds": 3060.5,
    "events": 5,
    "last_activity_at": _DONE_AT,
    "achievements_awarded": 1,
    "as_of": {"time": "2026-01-31T10:05:01.250000Z", "positions": {"0": 2, "3": 41}},
}
