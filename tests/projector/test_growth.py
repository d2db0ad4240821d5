"""Learners that outgrow one document stay exact."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from events.envelope import decode
from projector import learner_fold
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import LearnerDocument, Position
from tests.projector.harness import REPORT, World
from tests.projector.oracle import expected_learners
from tests.projector.reading import check_figures, learner_of, partitions_of
from tests.strategies import START, Report, Request, value_of


def reports_of(count: int, *, lessons: int) -> list[Report]:
    return [
        replace(
            REPORT,
            event_id=f"e-{number:05}",
            at=START + timedelta(minutes=37 * ((number * 7919) % count)),
            lesson_id=f"lesson-{number % lessons}",
            score_ppm=number * 13 % 1_000_001,
        )
        for number in range(count)
    ]


async def test_a_learner_of_very_many_events_is_split_and_stays_exact(world: World) -> None:
    facts = reports_of(1300, lessons=3)
    for fact in [*facts, *facts[::5]]:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    check_figures(world.values, facts, 2)
    head = learner_of(world.values, "ada")
    assert head is not None
    assert head.counted_split
    assert head.counted == []
    assert partitions_of(world.values, 2)[0].duplicate == len(facts[::5])
    assert max(len(value) for key, value in world.values.items() if "/learner/" in key) < 10_000


async def test_a_learner_of_very_many_lessons_is_split_and_stays_exact(world: World) -> None:
    facts: list[Any] = reports_of(900, lessons=300)
    facts += [
        Request(f"r-{number}", "ada", START + timedelta(hours=number), "loops", "beginner") for number in range(150)
    ]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    expected = expected_learners(facts)["ada"]
    head = learner_of(world.values, "ada")
    assert head is not None
    assert head.lessons_split
    assert (head.totals.lessons_known, head.totals.lessons_requested) == (450, 150)
    assert head.totals.score_sum_ppm == sum(expected["scores"].values()) * 1_000_000
    last = {
        lesson: max(fact.at for fact in facts if fact.lesson_id == lesson) for lesson in {f.lesson_id for f in facts}
    }
    newest = sorted(last, key=lambda lesson: (last[lesson], lesson), reverse=True)[:100]
    assert set(head.lessons) == set(newest)
    shares = [json.loads(value)["lessons"] for key, value in world.values.items() if "/lessons/" in key]
    entries = {lesson: entry for share in shares for lesson, entry in share.items()}
    assert entries.keys() == last.keys()
    for lesson, entry in head.lessons.items():
        assert json.loads(codec.encode(LearnerDocument("x", lessons={"l": entry})))["lessons"]["l"] == entries[lesson]


@pytest.mark.parametrize("size", [1, 2, 7, 500])
async def test_splitting_does_not_depend_on_where_batches_are_cut(size: int) -> None:
    facts = reports_of(620, lessons=130)
    worlds = [World(), World(records=size)]
    for world in worlds:
        for fact in facts:
            world.log.append(0, value_of(fact), fact.learner_id)
        await world.fold_all()
    assert worlds[0].values == worlds[1].values


async def test_only_the_first_achievements_are_kept_and_counted(world: World) -> None:
    facts = [
        replace(
            REPORT,
            event_id=f"e-{number}",
            at=START + timedelta(minutes=(number * 7) % 30),
            achievements=tuple(f"a-{(number * 31 + one) % 700:03}" for one in range(50)),
        )
        for number in range(30)
    ]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    earned = {name: min(f.at for f in facts if name in f.achievements) for fact in facts for name in fact.achievements}
    first = sorted(earned, key=lambda name: (earned[name], name))[:500]
    head = learner_of(world.values, "ada")
    assert head is not None
    assert len(earned) > 500
    assert set(head.achievements) == set(first)
    assert head.totals.achievements == partitions_of(world.values, 2)[0].totals.achievements == 500


def test_what_a_learner_has_seen_never_goes_back() -> None:
    workspace = Workspace()
    workspace.know_absent([keys.learner(1, "ada")])
    for offset in (7, 3):
        event = decode(value_of(replace(REPORT, event_id=f"e-{offset}")))
        learner_fold.apply(workspace, 1, event, None, 0, Position(offset, 1000 + offset))
    head = workspace.find(keys.learner(1, "ada"), LearnerDocument)
    assert head is not None
    assert head.as_of == {"0": Position(7, 1007)}
    assert head.totals.events == 2
