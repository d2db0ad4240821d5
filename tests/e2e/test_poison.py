"""Other producers can put anything into the log; it is parked with its reason, and the neighbours are folded."""

import json
from pathlib import Path
from typing import Any

from projector.engine import Engine
from read_models import codec, keys
from read_models.documents import LearnerDocument, ParkedDocument, PartitionDocument
from sidecar.delivery import Verdict
from sidecar.embedded import EmbeddedSidecar
from tests.deadlines import until
from tests.strategies import START, Report, value_of

GOOD = [Report(f"e-{number}", "ada", START, "l1", 500_000, 250_000, 1000, ()) for number in range(7)]
EVENT = json.loads(value_of(GOOD[0]))
POISON = {
    "not-json": b"\x00\xff\xfe garbage",
    "not-a-cloudevent": json.dumps({**EVENT, "id": "p-1", "time": 5}).encode(),
    "unknown-type": json.dumps({**EVENT, "id": "p-2", "type": "com.example.Something.v1"}).encode(),
    "unknown-version": json.dumps({**EVENT, "id": "p-3", "type": "io.learnflow.ProgressUpdated.v99"}).encode(),
    "invalid-data": json.dumps({**EVENT, "id": "p-4", "data": {**EVENT["data"], "completion_ppm": "half"}}).encode(),
    "too-large": b'{"padding":"' + b"x" * (2 * 1024 * 1024) + b'"}',
}


async def test_poison_between_good_events_is_parked_and_the_rest_goes_on(tmp_path: Path) -> None:
    sidecar = EmbeddedSidecar.open(tmp_path, partitions=1)
    try:
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        for report, value in zip(GOOD, [*POISON.values(), b""], strict=True):
            await sidecar.log.append_to(0, "ada", value_of(report))
            await sidecar.log.append_to(0, None, value)
        await sidecar.delivery.start(engine.handle)
        accounts_key, ada = keys.partition(1, 0), keys.learner(1, "ada")

        async def caught_up() -> bool:
            stored = await sidecar.state.read([accounts_key])
            return (
                accounts_key in stored and codec.decode(stored[accounts_key].value, PartitionDocument).checkpoint == 13
            )

        await until(caught_up)
        stored = await sidecar.state.read([accounts_key, ada, *(keys.parked(1, 0, index) for index in range(7))])
    finally:
        await sidecar.close()
    accounts = codec.decode(stored[accounts_key].value, PartitionDocument)
    assert (accounts.applied, accounts.parked, accounts.duplicate, accounts.missing) == (7, 7, 0, 0)
    assert codec.decode(stored[ada].value, LearnerDocument).totals.events == 7
    parked = [codec.decode(stored[keys.parked(1, 0, index)].value, ParkedDocument) for index in range(7)]
    assert [one.reason for one in parked] == [*POISON, "not-json"]
    assert [one.size for one in parked] == [*map(len, POISON.values()), 0]


async def test_what_was_folded_survives_a_restart_and_is_not_folded_again(tmp_path: Path) -> None:
    stored: dict[str, Any] = {}
    for _ in range(2):
        sidecar = EmbeddedSidecar.open(tmp_path, partitions=1)
        try:
            engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
            await engine.establish()
            for report in GOOD:
                await sidecar.log.append_to(0, "ada", value_of(report))
            end = (await sidecar.log_reader.bounds())[0].end
            read = await sidecar.log_reader.read(0, 0, end, max_records=100, max_bytes=10**6)
            assert await engine.handle(read.records) is Verdict.SETTLED
            stored.update(await sidecar.state.read([keys.partition(1, 0)]))
        finally:
            await sidecar.close()
    accounts = codec.decode(stored[keys.partition(1, 0)].value, PartitionDocument)
    assert (accounts.applied, accounts.duplicate) == (7, 7)
