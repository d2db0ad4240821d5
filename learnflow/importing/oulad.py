"""The mapping for submissions of the Open University Learning Analytics Dataset, tables joined as in `samples/`."""

from typing import Final

TEMPLATES: Final = (
    "learner_id={student_id}",
    "lesson_id={module}-{presentation}-{assessment_id}",
    "completion=1",
    "score={score}/100",
    "occurred_at={presentation:.4}-10-01 + {day} days",
)
COLUMNS: Final = frozenset({"module", "presentation", "assessment_id", "student_id", "day", "score"})
"""What a file needs for `TEMPLATES`."""
