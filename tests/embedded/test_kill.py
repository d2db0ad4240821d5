"""A process is killed while it writes; the next one finds all that was confirmed, and nothing in part."""

from collections import Counter
from pathlib import Path

import pytest

from sidecar.embedded import EmbeddedSidecar
from tests.embedded.looking import everything
from tests.embedded.processes import RECORDS_A_CALL, line_of, other_process


@pytest.mark.process
async def test_killed_while_it_writes(folder: Path) -> None:
    confirmed: set[bytes] = set()
    for turn in range(4):
        written: dict[str, tuple[int, int]] = {}
        with other_process("append_for_ever", folder) as process:
            lines = [line_of(process) for _ in range(100 + 37 * turn)]
            process.kill()
            assert process.stdout is not None
            lines += process.stdout.read().splitlines()
        for kind, *words in (line.split() for line in lines):
            if kind == "appended":
                confirmed.add(words[0].encode())
            else:
                written[words[0]] = (int(words[1]), int(words[2]))
        sidecar = EmbeddedSidecar.open(folder)
        try:
            records = await everything(sidecar)
            by_call = Counter(record.value for record in records)
            assert confirmed <= set(by_call)
            assert set(by_call.values()) == {RECORDS_A_CALL}
            for partition, bounds in (await sidecar.log.bounds()).items():
                offsets = [record.offset for record in records if record.partition == partition]
                assert offsets == list(range(bounds.end))
            assert len(written) == 2
            for task, (start, count) in written.items():
                documents = await sidecar.state.read([f"{task}/a", f"{task}/b"])
                assert len({document.value for document in documents.values()}) == 1
                found_start, found_count = map(int, documents[f"{task}/a"].value.split())
                assert found_start == start
                assert found_count >= count
        finally:
            await sidecar.close()
