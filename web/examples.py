"""Examples for the API description: Ada asks for a lesson on Python decorators and reports that she has done it."""

from typing import Any, Final

Example = dict[str, Any]

_SUMMARY: Final[Example] = {
    "lesson_id": "6f1c2a52-9a1e-5b0d-8a5e-0d4c1c7f9b21",
    "learner_id": "ada",
    "topic": "Python decorators",
    "title": "Decorators: a first lesson",
    "level": "beginner",
    "duration_minutes": 30,
    "requested_at": "2026-01-31T09:30:00.123456Z",
}
_DECORATORS: Final = "python/decorators"
_STEPS: Final[Example] = {
    "objectives": ["Write a decorator that times a function"],
    "elements": [
        {
            "kind": "objectives",
            "title": "Where this lesson goes, and why",
            "minutes": 2,
            "content": "### What you can do after this lesson\n\n- **Objective 1.** Write a decorator",
            "concept": None,
            "why": "You asked for Python decorators, 30 minutes at beginner level.",
        },
        {
            "kind": "warm_up",
            "title": "Warm-up: Functions as values",
            "minutes": 2,
            "content": "A function is a value, like a number or a string.",
            "concept": "python/functions-as-values",
            "why": "You held Functions as values well four weeks ago; it is fading.",
        },
        {
            "kind": "explanation",
            "title": "Decorators: explained at beginner level",
            "minutes": 8,
            "content": "A decorator adds something to a function without changing its code.",
            "concept": _DECORATORS,
            "why": "You asked for it. New to you.",
        },
        {
            "kind": "practice",
            "title": "Decorators: practise",
            "minutes": 8,
            "content": "### Exercise 1: Twice as much (about 5 minutes)\n\nWrite a decorator `doubled`.",
            "concept": _DECORATORS,
            "why": "You asked for it. New to you.",
        },
        {
            "kind": "check",
            "title": "Decorators: check yourself",
            "minutes": 5,
            "content": "### Question 1\n\nWhat is `@timer` above `def run():` short for?",
            "concept": _DECORATORS,
            "why": "You asked for it. New to you.",
        },
        {
            "kind": "answers",
            "title": "Solutions and answers: compare, and mark yourself",
            "minutes": 3,
            "content": "Compare with what you did, one by one, and mark yourself as you go.",
            "concept": None,
            "why": "Your marks become the score that the next lesson is fitted to.",
        },
        {
            "kind": "reflection",
            "title": "Look back, and choose what is next",
            "minutes": 2,
            "content": "1. (2 min) Write down one thing you can do now that you could not do before.",
            "concept": None,
            "why": "Next in line for you: Context managers, then Type hints.",
        },
    ],
    "composer": "concepts/1",
    "concepts": [_DECORATORS],
    "packs": ["python@1.0.0"],
    "standing": "known",
    "suggestions": [],
}
_READ: Final[Example] = {**_STEPS, "elements": [{**step, "author": None} for step in _STEPS["elements"]]}
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
    **_READ,
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
_MASTERY: Final[Example] = {
    "concept": _DECORATORS,
    "title": "Decorators",
    "mastery": 0.63,
    "grasp": "proficient",
    "fading": False,
    "last_score": 0.85,
    "last_seen_at": _DONE_AT,
    "observations": 1,
}
_PACE: Final[Example] = {"lessons": 1, "minutes_taken": 21, "minutes_planned": 30, "ratio": 0.7}
LEARNER_MASTERY: Final[Example] = {"learner_id": "ada", "mastery": [_MASTERY], "pace": _PACE, "as_of": _AS_OF}
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
            "title": "Decorators: a first lesson",
            "level": "beginner",
            "requested_at": _SUMMARY["requested_at"],
            "completion": 1,
            "score": 0.85,
            "completed_at": _DONE_AT,
            "time_spent_seconds": 1260,
            "last_activity_at": _DONE_AT,
        }
    ],
    "mastery": [_MASTERY],
    "fading": [],
    "pace": _PACE,
    "recommendations": [
        {
            "kind": "advance",
            "what": "Python decorators, intermediate level",
            "why": "You completed it with 85 %: the intermediate level is next.",
            "lesson_id": _SUMMARY["lesson_id"],
            "title": "Decorators: a first lesson",
            "concept": None,
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
    "pace": _PACE,
    "stuck": [
        {
            "concept": "python/recursion",
            "title": "Recursion",
            "lessons": 5,
            "scored": 4,
            "average_score": 0.45,
            "weak_share": 0.75,
        }
    ],
    "as_of": {"time": "2026-01-31T10:05:01.250000Z", "positions": {"0": 2, "3": 41}},
}
