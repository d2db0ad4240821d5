"""The engine through everything that can happen to it, against an oracle that knows only the accepted facts.

Conflicts, outages before and after the commit, crashes, redeliveries from anywhere, holes in delivery and in the log,
two owners at once from the very first creation on. After every step each offset is accounted for once; in the end the
figures are those of the facts.
"""

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from projector.engine import Engine
from projector.pieces import PieceLimits
from sidecar.delivery import Verdict
from sidecar.records import LogRecord
from tests.projector.reading import check_accounts, check_figures, partitions_of
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import Fact, reports, requests, value_of

PARTITIONS = 2
GARBAGE = (b"junk", b"{}", b'{"id":"g","source":"s"}', b"\x00" * 5000)
owners = st.integers(0, 1)
partitions = st.integers(0, PARTITIONS - 1)
read_faults = st.sampled_from(["none", "unavailable"])
write_faults = st.sampled_from(["none", "conflict", "unavailable", "lost ack"])


class EngineUnderFaults(RuleBasedStateMachine):
    """Two owners, one log, one store."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog(PARTITIONS)
        self.state = MemoryState(max_bytes=40_000)
        self.accepted: list[tuple[int, int, Fact]] = []
        self.parked: list[tuple[int, int]] = []
        self.absent: list[tuple[int, int]] = []
        self.checkpoints = [-1] * PARTITIONS
        self.engines = [self.engine(), self.engine()]

    def engine(self) -> Engine:
        limits = PieceLimits(records=7, documents=9, value_bytes=20_000)
        return Engine(log=self.log, reader=self.state, writer=self.state, limits=limits)

    @initialize(together=st.booleans())
    def create(self, together: bool) -> None:
        async def run() -> None:
            await asyncio.gather(*(engine.establish() for engine in self.engines[: 2 if together else 1]))

        asyncio.run(run())

    @rule(facts=st.lists(requests | reports, min_size=1, max_size=8), anywhere=st.booleans())
    def accept(self, facts: list[Fact], anywhere: bool) -> None:
        for fact in facts:
            home = sum(map(ord, fact.learner_id)) + (len(self.accepted) if anywhere else 0)
            offset = self.log.append(home % PARTITIONS, value_of(fact), fact.learner_id)
            self.accepted.append((home % PARTITIONS, offset, fact))

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def accept_again(self, data: st.DataObject) -> None:
        partition, _, fact = data.draw(st.sampled_from(self.accepted))
        self.accepted.append((partition, self.log.append(partition, value_of(fact), fact.learner_id), fact))

    @rule(partition=partitions, value=st.sampled_from(GARBAGE))
    def produce_garbage(self, partition: int, value: bytes) -> None:
        self.parked.append((partition, self.log.append(partition, value)))

    @rule(partition=partitions)
    def lose_a_record(self, partition: int) -> None:
        self.log.append_nothing(partition)
        self.absent.append((partition, len(self.log.contents[partition]) - 1))

    @rule(fault=write_faults, then=write_faults)
    def writes_will_fail(self, fault: str, then: str) -> None:
        self.state.write_faults = [fault, then]

    @rule(fault=read_faults, then=read_faults)
    def reads_will_fail(self, fault: str, then: str) -> None:
        self.state.read_faults = [fault, then]

    @rule(owner=owners)
    def crash(self, owner: int) -> None:
        self.engines[owner] = self.engine()

    @rule(owner=owners, partition=partitions, data=st.data())
    def deliver(self, owner: int, partition: int, data: st.DataObject) -> None:
        batch = self.draw_batch(partition, data)
        verdict = asyncio.run(self.engines[owner].handle(batch))
        if verdict is Verdict.SETTLED and batch:
            assert self.accounts(partition).checkpoint >= batch[-1].offset
        else:
            assert not batch or self.engines[owner].trouble

    @rule(partition=partitions, other=partitions, data=st.data())
    def deliver_to_two_owners_at_once(self, partition: int, other: int, data: st.DataObject) -> None:
        batches = [self.draw_batch(partition, data), self.draw_batch(other, data)]

        async def run() -> None:
            await asyncio.gather(*(engine.handle(batch) for engine, batch in zip(self.engines, batches, strict=True)))

        asyncio.run(run())

    def draw_batch(self, partition: int, data: st.DataObject) -> list[LogRecord]:
        """Records from anywhere up to just behind the checkpoint, some perhaps left out of the delivery."""
        length = len(self.log.contents[partition])
        first = data.draw(st.integers(0, max(0, min(length, self.checkpoints[partition] + 6))))
        records = self.log.records(partition, first, data.draw(st.integers(first, min(length, first + 20))))
        left_out = data.draw(st.sets(st.sampled_from(records), max_size=2)) if records else set()
        return [record for record in records if record not in left_out]

    def accounts(self, partition: int) -> Any:
        return partitions_of(self.state.values(), PARTITIONS)[partition]

    @invariant()
    def every_offset_is_accounted_for_once(self) -> None:
        for accounts in partitions_of(self.state.values(), PARTITIONS) if self.state.documents else []:
            check_accounts(accounts)
            number, checkpoint = accounts.partition, accounts.checkpoint
            assert checkpoint >= self.checkpoints[number], "a checkpoint went back"
            self.checkpoints[number] = checkpoint
            assert accounts.parked == sum(1 for one in self.parked if one[0] == number and one[1] <= checkpoint)
            assert accounts.missing == sum(1 for one in self.absent if one[0] == number and one[1] <= checkpoint)

    @invariant()
    def figures_are_those_of_what_is_accounted_for(self) -> None:
        if self.state.documents:
            reached = [fact for partition, offset, fact in self.accepted if offset <= self.checkpoints[partition]]
            check_figures(self.state.values(), reached, PARTITIONS)

    @override
    def teardown(self) -> None:
        """When nothing fails any more, everything accepted is in the figures, once."""
        self.state.read_faults, self.state.write_faults = [], []
        for number in range(PARTITIONS):
            for engine in self.engines:
                records = self.log.records(number)
                assert asyncio.run(engine.handle(records)) is Verdict.SETTLED, engine.trouble
        self.every_offset_is_accounted_for_once()
        check_figures(self.state.values(), [fact for _, _, fact in self.accepted], PARTITIONS)


TestEngineUnderFaults = EngineUnderFaults.TestCase
TestEngineUnderFaults.settings = settings(max_examples=60, stateful_step_count=40)
