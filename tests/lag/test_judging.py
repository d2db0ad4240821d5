"""What two looks, or many, say of a partition: each state for what it is, and never a healthy one for a sick one."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projector.lag_judging import PATIENCE_SECONDS, LagReport, PartitionState, TroubleKind, Watcher, judge
from sidecar.records import LogIdentity
from tests.lag.looks import NOW_MS, Scene, histories, scenes

BEHIND = Scene(checkpoint=3, waited_ms=60_000)
HEALTHY = {PartitionState.CURRENT, PartitionState.LAGGING}
pairs = st.tuples(scenes(), scenes(at=2.0))


def state_of(before: Scene | None, now: Scene) -> PartitionState:
    (part,) = judge(None if before is None else before.look(), now.look()).partitions
    return part.state


def both_known(scene: Scene) -> bool:
    return not scene.log_down and not scene.documents_down


@given(pairs)
def test_only_a_checkpoint_at_the_end_of_its_own_log_is_current(pair: tuple[Scene, Scene]) -> None:
    now = pair[1]
    at_the_end = both_known(now) and now.log.topic_id == now.folded_from and now.checkpoint + 1 == now.end >= now.start
    report = judge(pair[0].look(), now.look())
    assert (PartitionState.CURRENT in {part.state for part in report.partitions}) is at_the_end
    for part in report.partitions:
        assert (part.events == 0) is at_the_end


@given(pairs)
def test_a_checkpoint_beyond_the_log_is_never_told_as_a_lag(pair: tuple[Scene, Scene]) -> None:
    now = replace(pair[1], checkpoint=pair[1].end + pair[1].checkpoint + 1, log_down=False, documents_down=False)
    (part,) = judge(pair[0].look(), now.look()).partitions
    assert part.state not in HEALTHY | {PartitionState.STUCK, PartitionState.UNKNOWN}
    assert (part.events, part.seconds) == (None, None)


@given(pairs)
@example((replace(BEHIND, at=0.0), replace(BEHIND, at=2.0)))
def test_stuck_is_what_is_behind_and_old_and_did_not_move_and_nothing_else(pair: tuple[Scene, Scene]) -> None:
    before, now = pair
    comparable = both_known(before) and both_known(now) and (before.log, before.generation) == (now.log, now.generation)
    behind = now.log.topic_id == now.folded_from and now.start <= now.checkpoint + 1 < now.end
    old = now.waited_ms is not None and now.waited_ms >= PATIENCE_SECONDS * 1000
    expected = comparable and behind and old and before.checkpoint == now.checkpoint
    states = {part.state for part in judge(before.look(), now.look()).partitions}
    assert (PartitionState.STUCK in states) is expected


@given(pairs)
def test_no_lag_is_negative_and_what_is_told_is_what_waits(pair: tuple[Scene, Scene]) -> None:
    now = pair[1]
    for part in judge(pair[0].look(), now.look()).partitions:
        if part.events is not None:
            assert part.events == now.end - 1 - now.checkpoint
            waited = now.waited_ms or 0 if part.events else 0
            assert part.seconds == max(waited, 0) / 1000


@given(pairs)
def test_what_one_side_can_not_say_is_unknown_and_the_other_side_is_still_told(pair: tuple[Scene, Scene]) -> None:
    now = pair[1]
    report = judge(pair[0].look(), now.look())
    assert report.has(TroubleKind.LOG_UNREADABLE) is now.log_down
    assert report.has(TroubleKind.DOCUMENTS_UNREADABLE) is now.documents_down
    for part in report.partitions:
        assert (part.state is PartitionState.UNKNOWN) is (not both_known(now))
        assert part.end == (None if now.log_down else now.end)
        assert (None if part.accounts is None else part.accounts.checkpoint) == (
            None if now.documents_down else now.checkpoint
        )


@pytest.mark.parametrize(
    ("scene", "state"),
    [
        (Scene(checkpoint=9), PartitionState.CURRENT),
        (Scene(start=0, end=0, checkpoint=-1), PartitionState.CURRENT),
        (Scene(checkpoint=10), PartitionState.BEYOND_LOG),
        (BEHIND, PartitionState.STUCK),
        (replace(BEHIND, waited_ms=9_999), PartitionState.LAGGING),
        (replace(BEHIND, waited_ms=None), PartitionState.LAGGING),
        (replace(BEHIND, start=5), PartitionState.HISTORY_GONE),
        (replace(BEHIND, start=10, waited_ms=None), PartitionState.HISTORY_GONE),
        (replace(BEHIND, log=LogIdentity("topic-2", 1)), PartitionState.ANOTHER_LOG),
        (replace(BEHIND, log_down=True), PartitionState.UNKNOWN),
        (replace(BEHIND, documents_down=True), PartitionState.UNKNOWN),
    ],
)
def test_each_state(scene: Scene, state: PartitionState) -> None:
    assert state_of(scene, replace(scene, at=2.0)) is state


def test_what_moved_is_lagging_however_old_it_is_also_where_it_moved_back() -> None:
    for before in (BEHIND.checkpoint - 1, BEHIND.checkpoint + 1):
        assert state_of(replace(BEHIND, checkpoint=before), replace(BEHIND, at=2.0)) is PartitionState.LAGGING


def test_nothing_is_stuck_without_a_look_before_or_after_a_change_of_generation() -> None:
    assert state_of(None, BEHIND) is PartitionState.LAGGING
    assert state_of(replace(BEHIND, generation=2), replace(BEHIND, at=2.0)) is PartitionState.LAGGING


def test_what_was_seen_to_wait_is_stuck_also_where_the_clock_of_the_log_is_ahead() -> None:
    skewed = replace(BEHIND, waited_ms=-60_000)
    assert state_of(skewed, replace(skewed, at=PATIENCE_SECONDS - 0.5)) is PartitionState.LAGGING
    assert state_of(skewed, replace(skewed, at=PATIENCE_SECONDS)) is PartitionState.STUCK


def test_offsets_without_a_record_are_never_stuck_however_long_they_stand_open() -> None:
    holes = replace(BEHIND, waited_ms=None)
    assert state_of(holes, replace(holes, at=10 * PATIENCE_SECONDS)) is PartitionState.LAGGING


def rates(before: Scene, now: Scene) -> tuple[float | None, float | None]:
    report = judge(before.look(), now.look())
    return report.folded_per_second, report.seconds_until_current


def test_the_time_until_current_counts_what_is_appended_meanwhile() -> None:
    # 60 folded and 20 appended in 2 s: 20 a second less, and 80 are left.
    before = Scene(at=0, end=200, checkpoint=79, waited_ms=0)
    assert rates(before, Scene(at=2, end=220, checkpoint=139, waited_ms=0)) == (30, 4)
    assert rates(before, Scene(at=2, end=260, checkpoint=139, waited_ms=0)) == (30, None)
    assert rates(before, Scene(at=2, end=200, checkpoint=199)) == (60, 0)
    assert rates(before, Scene(at=2, end=200, checkpoint=9, waited_ms=0)) == (0, None)
    assert rates(before, Scene(at=0, end=200, checkpoint=139, waited_ms=0)) == (None, None)


def watched(scenes_: list[Scene]) -> list[LagReport]:
    watcher = Watcher()
    return [watcher.judge(scene.look()) for scene in scenes_]


@given(histories())
def test_a_watcher_calls_stuck_what_was_seen_behind_at_one_place_for_long_enough(history: list[Scene]) -> None:
    for index, report in enumerate(watched(history)):
        now = history[index]
        expected = False
        for earlier in range(index):
            # The looks between, but for those that could not be compared with anything.
            stretch = [scene for scene in history[earlier : index + 1] if both_known(scene)]
            still = {(scene.log, scene.generation, scene.checkpoint) for scene in stretch}
            all_behind = all(scene.checkpoint + 1 < scene.end for scene in stretch)
            if both_known(history[earlier]) and both_known(now) and len(still) == 1 and all_behind:
                expected |= now.at - history[earlier].at >= PATIENCE_SECONDS
        expected &= now.waited_ms is not None and now.start <= now.checkpoint + 1
        expected &= now.log.topic_id == now.folded_from
        assert [part.state for part in report.partitions].count(PartitionState.STUCK) == expected


def test_a_watcher_begins_with_lagging_and_an_outage_between_is_no_news() -> None:
    away = replace(BEHIND, documents_down=True)
    history = [
        BEHIND,
        replace(BEHIND, at=5),
        replace(away, at=8),
        replace(BEHIND, at=11),
        replace(BEHIND, at=12, checkpoint=4),
    ]
    states = [report.partitions[0].state for report in watched(history)]
    lagging, unknown, stuck = PartitionState.LAGGING, PartitionState.UNKNOWN, PartitionState.STUCK
    assert states == [lagging, lagging, unknown, stuck, lagging]


def test_a_watcher_is_not_misled_by_a_clock_of_the_log_that_is_behind() -> None:
    idle = [Scene(at=0), Scene(at=3600), replace(BEHIND, at=3600.5), replace(BEHIND, at=3601)]
    assert watched(idle)[-1].partitions[0].state is PartitionState.LAGGING


def test_seconds_are_those_between_the_two_clocks() -> None:
    (part,) = judge(None, replace(BEHIND, waited_ms=1_234).look()).partitions
    assert part.seconds == 1.234
    assert BEHIND.look().at_ms == NOW_MS
