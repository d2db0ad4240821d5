"""A command's ports on the folder that a real `learnflow up` serves from."""

import asyncio
import itertools
from pathlib import Path

import httpx2
import pytest

from learnflow.settings import Settings
from learnflow.sidecar import open_tool
from read_models import keys
from sidecar.errors import SidecarError
from sidecar.records import Put
from tests.contract.collector import read_all
from tests.servers import running_server

pytestmark = pytest.mark.process


async def test_posts_are_accepted_while_a_command_writes_and_reads(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    with running_server(folder) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client:
            statuses: list[int] = []
            stop = asyncio.Event()

            async def report(learner: str) -> None:
                while not stop.is_set():
                    body = {"learner_id": learner, "lesson_id": "l", "completion": 1}
                    statuses.append((await client.post("update-progress", json=body)).status_code)

            async with asyncio.TaskGroup() as group, open_tool(settings) as tool:
                for number in range(8):
                    group.create_task(report(f"learner-{number}"))
                written: list[str] = []
                accepted = 0
                try:
                    for turn in itertools.count():
                        puts = [Put(f"other/{turn}/{number}", b"x" * 4_000, None) for number in range(900)]
                        await tool.state_writer.transact(puts)
                        written += [put.key for put in puts]
                        accepted = len(statuses)
                        if turn >= 10 and accepted >= 100:
                            break
                finally:
                    stop.set()
                ends = await tool.log_reader.bounds()
                records = [
                    record
                    for partition, bounds in ends.items()
                    for record in await read_all(tool.log_reader, partition, bounds.start, bounds.end)
                ]
                assert len(records) >= accepted
                assert keys.CONTROL in await tool.state_reader.read([keys.CONTROL])
                assert set(await tool.state_reader.read(written[-900:])) == set(written[-900:])
            assert set(statuses) == {202}
    # And the same when nobody serves any more.
    async with open_tool(settings) as tool:
        assert sum(bounds.end for bounds in (await tool.log_reader.bounds()).values()) == len(statuses)


async def test_a_folder_without_data_is_named_and_not_made(folder: Path) -> None:
    with pytest.raises(SidecarError, match=str(folder)):
        async with open_tool(Settings(data_dir=folder)):
            pytest.fail("it opened")
    assert not folder.exists()  # noqa: ASYNC240 - nothing else runs
