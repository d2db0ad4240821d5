"""`StateReader` and `StateWriter`, several callers at once."""

import asyncio
from collections.abc import Callable, Sequence

from sidecar.errors import StateConflict
from sidecar.records import Delete, Put
from tests.contract.harness import Ports
from tests.contract.test_state import value_of


async def succeeds(ports: Ports, operations: Sequence[Put | Delete]) -> bool:
    """Whether the transaction was carried out, rather than refused for a conflict."""
    try:
        await ports.state_writer.transact(operations)
    except StateConflict:
        return False
    return True


class TestRaces:
    async def test_of_those_that_saw_nothing_one_creates(self, ports: Ports, name: Callable[[str], str]) -> None:
        for turn in range(20):
            key = name(f"k{turn}")
            won = await asyncio.gather(*(succeeds(ports, [Put(key, b"%d" % who, None)]) for who in range(4)))
            assert won.count(True) == 1
            assert await value_of(ports, key) == b"%d" % won.index(True)

    async def test_first_creation_of_several_documents_by_two(self, ports: Ports, name: Callable[[str], str]) -> None:
        for turn in range(20):
            common, own = name(f"common{turn}"), [name(f"own{turn}-{who}") for who in range(2)]
            won = await asyncio.gather(
                *(succeeds(ports, [Put(common, b"%d" % w, None), Put(own[w], b"own", None)]) for w in range(2))
            )
            assert won.count(True) == 1
            winner = won.index(True)
            assert set(await ports.state_reader.read([common, *own])) == {common, own[winner]}
            assert await value_of(ports, common) == b"%d" % winner

    async def test_of_those_that_saw_one_version_one_replaces_it(
        self, ports: Ports, name: Callable[[str], str]
    ) -> None:
        key = name("k")
        await ports.state_writer.transact([Put(key, b"0", None)])
        for _ in range(20):
            etag = (await ports.state_reader.read([key]))[key].etag
            won = await asyncio.gather(*(succeeds(ports, [Put(key, b"%d" % who, etag)]) for who in range(4)))
            assert won.count(True) == 1
            assert await value_of(ports, key) == b"%d" % won.index(True)

    async def test_delete_against_put(self, ports: Ports, name: Callable[[str], str]) -> None:
        for turn in range(20):
            key = name(f"k{turn}")
            await ports.state_writer.transact([Put(key, b"old", None)])
            etag = (await ports.state_reader.read([key]))[key].etag
            deleted, put = await asyncio.gather(
                succeeds(ports, [Delete(key, etag)]), succeeds(ports, [Put(key, b"new", etag)])
            )
            assert deleted != put
            assert await value_of(ports, key) == (b"new" if put else None)

    async def test_no_increment_is_lost(self, ports: Ports, name: Callable[[str], str]) -> None:
        key = name("counter")

        async def increment() -> None:
            done = False
            while not done:
                document = (await ports.state_reader.read([key])).get(key)
                value, etag = (0, None) if document is None else (int(document.value), document.etag)
                done = await succeeds(ports, [Put(key, b"%d" % (value + 1), etag)])

        await asyncio.gather(*(increment() for _ in range(20)))
        assert await value_of(ports, key) == b"20"

    async def test_no_transaction_is_seen_in_part(self, ports: Ports, name: Callable[[str], str]) -> None:
        keys = [name(f"k{n}") for n in range(5)]
        await ports.state_writer.transact([Put(key, b"0", None) for key in keys])
        finished = False

        async def write() -> None:
            nonlocal finished
            for turn in range(1, 101):
                read = await ports.state_reader.read(keys)
                await ports.state_writer.transact([Put(key, b"%d" % turn, read[key].etag) for key in keys])
            finished = True

        async def look() -> int:
            looks = 0
            while not finished:
                read = await ports.state_reader.read(keys)
                assert len({document.value for document in read.values()}) == 1
                looks += 1
            return looks

        _, *looks = await asyncio.gather(write(), look(), look())
        assert min(looks) > 0
