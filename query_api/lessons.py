"""GET /lessons and GET /lessons/{lesson_id}: the query side of the course-agent."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from events.contracts import AUTHORED_KINDS, Level
from events.identity import ID_PATTERN
from query_api import listing, rendering
from query_api.answers import Element, LessonInFull, LessonList, LessonListed, moment_us
from query_api.consistency import WantedConsistency, with_consistency
from query_api.figures import as_of, lesson_progress, platform_as_of
from query_api.listing import LessonFilter, Page
from query_api.projections import ATTEMPTS, Projections, Snapshot, keeps_changing
from read_models import keys
from read_models.documents import (
    AuthoredDocument,
    CatalogueEntry,
    LearnerDocument,
    LessonDocument,
    LessonEntry,
    LessonsDocument,
)
from web.negotiation import preferred
from web.parameters import only
from web.problems import INTERNAL, INVALID, NOT_READY, STALE_CURSOR, UNKNOWN_LESSON, ProblemError, responses

DEFAULT_LIMIT: Final = 20
MAX_CURSOR: Final = 32_000
"""A cursor holds a position for every partition of the log, and that may have 1,024."""


def lessons_router(projections: Projections) -> APIRouter:
    """The endpoints that show lessons, from projections alone."""
    router = APIRouter(tags=["course-agent"])

    @router.get(
        "/lessons",
        dependencies=[Depends(only("learner_id", "topic", "level", "limit", "cursor"))],
        operation_id="listLessons",
        summary="List lessons, newest first",
        responses=with_consistency(responses(INVALID, STALE_CURSOR, NOT_READY, INTERNAL)),
    )
    async def list_lessons(
        response: Response,
        demand: WantedConsistency,
        learner_id: Annotated[str | None, Query(pattern=ID_PATTERN, description="Only this learner's.")] = None,
        topic: Annotated[
            str | None, Query(min_length=1, max_length=200, description="Only on this topic; case does not matter.")
        ] = None,
        level: Annotated[Level | None, Query(description="Only of this level.")] = None,
        limit: Annotated[int, Query(ge=1, le=100, description="At most so many.")] = DEFAULT_LIMIT,
        cursor: Annotated[
            str | None, Query(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
        ] = None,
    ) -> LessonList:
        """List lessons that were asked for, newest first, a page at a time."""
        await demand.meet(projections, response)
        wanted = LessonFilter(learner_id, topic, None if level is None else level.value)
        if cursor is None:
            return await _list_from_start(projections, wanted, limit)
        return await _list(projections, wanted, limit, cursor)

    @router.get(
        "/lessons/{lesson_id}",
        dependencies=[Depends(only())],
        operation_id="getLesson",
        summary="A lesson in full, with the learner's progress",
        responses=_in_forms(with_consistency(responses(INVALID, UNKNOWN_LESSON, NOT_READY, INTERNAL))),
        response_model=LessonInFull,
    )
    async def get_lesson(
        response: Response,
        demand: WantedConsistency,
        lesson_id: Annotated[str, Path(pattern=ID_PATTERN, description="From POST /generate-lesson or a list.")],
        accept: Annotated[
            list[str] | None, Header(description="`text/markdown` or `text/html` for a lesson to be read; else JSON.")
        ] = None,
    ) -> LessonInFull | Response:
        """Show a lesson with all its steps, and how far its learner got; to programs, or to be read."""
        headers = await demand.meet(projections, response)
        lesson = await find_lesson(projections, lesson_id)
        if lesson is None:
            raise ProblemError(UNKNOWN_LESSON, headers=headers)
        form = preferred(",".join(accept) if accept else None, rendering.FORMS)
        response.headers["Vary"] = "Accept"
        if form == rendering.JSON:
            return lesson
        return _to_be_read(lesson, form, dict(response.headers))

    return router


async def find_lesson(projections: Projections, lesson_id: str) -> LessonInFull | None:
    """A lesson in full; `None` if there is none of this id.

    Raises:
        ProblemError: nothing was projected yet, or the active generation keeps changing.
        SidecarError: the state store does not answer.
    """
    for _ in range(ATTEMPTS):
        snapshot = await projections.read(lambda generation, _: [keys.lesson(generation, lesson_id)])
        document = snapshot.find(keys.lesson(snapshot.generation, lesson_id), LessonDocument)
        if document is None:
            return None
        lesson = await _in_full(projections, document, snapshot.generation)
        if lesson is not None:
            return lesson
    raise keeps_changing()


def _in_forms(described: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Add the further forms of a lesson to the description of a success."""
    forms = {form: {"schema": {"type": "string"}} for form in rendering.FORMS[1:]}
    varies = {"Vary": {"description": "The form depends on `Accept`.", "schema": {"type": "string"}}}
    success = described[200]
    return described | {200: success | {"content": forms, "headers": success["headers"] | varies}}


def _to_be_read(lesson: LessonInFull, form: str, headers: dict[str, str]) -> Response:
    headers |= {"X-Content-Type-Options": "nosniff"}
    if form == rendering.MARKDOWN:
        return Response(rendering.markdown(lesson), media_type=f"{form}; charset=utf-8", headers=headers)
    headers |= {"Content-Security-Policy": rendering.PAGE_POLICY}
    return Response(rendering.page(lesson), media_type=form, headers=headers)


async def _list_from_start(projections: Projections, wanted: LessonFilter, limit: int) -> LessonList:
    """The first page; a generation that takes over while it is read is no reason to refuse it."""
    try:
        return await _list(projections, wanted, limit, None)
    except ProblemError as problem:
        if problem.kind is not STALE_CURSOR:
            raise
    return await _list(projections, wanted, limit, None)


async def _list(projections: Projections, wanted: LessonFilter, limit: int, cursor: str | None) -> LessonList:
    learner_id = wanted.learner_id
    snapshot = await projections.read(
        lambda generation, partitions: [
            *(keys.partition(generation, number) for number in range(partitions)),
            *([] if learner_id is None else [keys.learner(generation, learner_id)]),
        ]
    )
    partitions = snapshot.partition_documents()
    lengths = {one.partition: one.catalogue for one in partitions}
    if learner_id is None:
        positions = listing.begin(cursor, wanted, snapshot, lengths)
        page = await listing.list_catalogues(projections, wanted, snapshot.generation, positions, limit)
        return _answer(page, LessonList(lessons=[], next_cursor=None, as_of=platform_as_of(partitions)))
    head = snapshot.find(keys.learner(snapshot.generation, learner_id), LearnerDocument) or LearnerDocument(learner_id)
    theirs = {number: length for number, length in lengths.items() if str(number) in head.as_of}
    positions = listing.begin(cursor, wanted, snapshot, theirs)
    if head.lessons_split:
        page = await listing.list_catalogues(projections, wanted, snapshot.generation, positions, limit)
    else:
        page = listing.list_document(head, wanted, snapshot.generation, positions, limit)
    return _answer(page, LessonList(lessons=[], next_cursor=None, as_of=as_of(head.as_of)))


def _answer(page: Page, empty: LessonList) -> LessonList:
    return empty.model_copy(
        update={"lessons": [_listed(entry) for entry in page.entries], "next_cursor": page.next_cursor}
    )


def _listed(entry: CatalogueEntry) -> LessonListed:
    return LessonListed(
        lesson_id=entry.lesson_id,
        learner_id=entry.learner_id,
        topic=entry.summary.topic,
        title=entry.summary.title,
        level=entry.summary.level,
        duration_minutes=entry.summary.duration_minutes,
        requested_at=moment_us(entry.summary.requested_at_us),
    )


async def _in_full(projections: Projections, lesson: LessonDocument, generation: int) -> LessonInFull | None:
    """The lesson with the progress in it; `None` if another generation than the lesson's serves by now."""
    snapshot = await projections.read(
        lambda current, _: (
            keys.learner(current, lesson.learner_id),
            keys.learner_lessons(current, lesson.learner_id, lesson.lesson_id),
            keys.authored(current, lesson.lesson_id, lesson.learner_id),
        )
    )
    if snapshot.generation != generation:
        return None
    head = snapshot.find(keys.learner(generation, lesson.learner_id), LearnerDocument)
    share = snapshot.find(keys.learner_lessons(generation, lesson.learner_id, lesson.lesson_id), LessonsDocument)
    entry: LessonEntry | None = None
    if share is not None:
        entry = share.lessons.get(lesson.lesson_id)
    elif head is not None:
        entry = head.lessons.get(lesson.lesson_id)
    return LessonInFull(
        lesson_id=lesson.lesson_id,
        learner_id=lesson.learner_id,
        topic=lesson.topic,
        title=lesson.title,
        level=lesson.level,
        duration_minutes=lesson.duration_minutes,
        requested_at=moment_us(lesson.requested_at_us),
        objectives=lesson.objectives,
        elements=_elements(snapshot, lesson),
        composer=lesson.composer,
        concepts=lesson.concepts,
        packs=lesson.packs,
        standing=lesson.standing,
        suggestions=lesson.suggestions,
        progress=None if entry is None else lesson_progress(entry),
        as_of=as_of({} if head is None else head.as_of),
    )


def _elements(snapshot: Snapshot, lesson: LessonDocument) -> list[Element]:
    """The lesson's steps, those that a model wrote anew as it wrote them."""
    key = keys.authored(snapshot.generation, lesson.lesson_id, lesson.learner_id)
    authored = snapshot.find(key, AuthoredDocument)
    elements = []
    for place, one in enumerate(lesson.elements):
        written = None
        if authored is not None and one.kind in AUTHORED_KINDS:
            written = authored.parts.get(str(place))
        elements.append(
            Element(
                kind=one.kind,
                title=one.title,
                minutes=one.minutes,
                content=one.content if written is None else written,
                concept=one.concept,
                why=one.why,
                author=None if authored is None or written is None else authored.author,
            )
        )
    return elements
