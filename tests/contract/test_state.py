"""`StateReader` and `StateWriter`, one caller at a time."""

from collections.abc import Callable

import pytest

from sidecar.errors import MessageTooLarge, StateConflict
from sidecar.records import Delete, Put
from tests.contract.harness import Harness, Ports
from tests.contract.test_append import VALUES

KEYS = [
    "plain",
    "g1/learner/a@b.c",
    "with space",
    "quote \" and \\ and '",
    "Größe 学习 \U0001f9e0",
    "%_*[]{}()",
    "k" * 900,
]


async def value_of(ports: Ports, key: str) -> bytes | None:
    document = (await ports.state_reader.read([key])).get(key)
    return None if document is None else document.value


async def etag_of(ports: Ports, key: str) -> str:
    return (await ports.state_reader.read([key]))[key].etag


class TestDocuments:
    @pytest.mark.parametrize("kind", VALUES)
    async def test_bytes_are_kept(self, ports: Ports, name: Callable[[str], str], kind: str) -> None:
        await ports.state_writer.transact([Put(name("k"), VALUES[kind], None)])
        assert await value_of(ports, name("k")) == VALUES[kind]

    async def test_bytes_are_kept_among_others(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name(kind), value, None) for kind, value in VALUES.items()])
        found = await ports.state_reader.read([name(kind) for kind in reversed(VALUES)])
        assert {key: document.value for key, document in found.items()} == {name(k): v for k, v in VALUES.items()}

    @pytest.mark.parametrize("key", KEYS)
    async def test_keys(self, ports: Ports, name: Callable[[str], str], key: str) -> None:
        await ports.state_writer.transact([Put(name(key), b"1", None)])
        await ports.state_writer.transact([Put(name(key), b"2", await etag_of(ports, name(key)))])
        assert {k: d.value for k, d in (await ports.state_reader.read([name(key)])).items()} == {name(key): b"2"}
        await ports.state_writer.transact([Delete(name(key), await etag_of(ports, name(key)))])
        assert await ports.state_reader.read([name(key)]) == {}

    async def test_what_there_is_not_is_absent(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("a"), b"1", None)])
        assert set(await ports.state_reader.read([name("a"), name("b")])) == {name("a")}

    async def test_no_keys_no_documents(self, ports: Ports) -> None:
        assert await ports.state_reader.read([]) == {}

    async def test_keys_may_be_asked_for_twice(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("a"), b"1", None)])
        assert set(await ports.state_reader.read([name("a"), name("a"), name("b"), name("b")])) == {name("a")}

    async def test_many_documents(self, ports: Ports, name: Callable[[str], str]) -> None:
        documents = {name(f"d{n}"): b"%d" % n for n in range(700)}
        await ports.state_writer.transact([Put(key, value, None) for key, value in documents.items()])
        found = await ports.state_reader.read(list(documents))
        assert {key: document.value for key, document in found.items()} == documents

    async def test_every_version_has_its_etag(self, ports: Ports, name: Callable[[str], str]) -> None:
        etags = []
        await ports.state_writer.transact([Put(name("k"), b"same", None)])
        for _ in range(3):
            etags.append(await etag_of(ports, name("k")))
            assert await etag_of(ports, name("k")) == etags[-1]
            await ports.state_writer.transact([Put(name("k"), b"same", etags[-1])])
        for _ in range(3):
            etags.append(await etag_of(ports, name("k")))
            await ports.state_writer.transact([Delete(name("k"), etags[-1])])
            await ports.state_writer.transact([Put(name("k"), b"same", None)])
        assert len(set(etags)) == 6

    async def test_it_survives_a_crash(self, harness: Harness, name: Callable[[str], str]) -> None:
        await harness.ports.state_writer.transact([Put(name("k"), b"kept", None)])
        etag = await etag_of(harness.ports, name("k"))
        await harness.crash()
        await harness.reopen()
        assert await value_of(harness.ports, name("k")) == b"kept"
        assert await etag_of(harness.ports, name("k")) == etag


class TestGuards:
    async def test_first_write_refuses_what_is_there(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("k"), b"1", None)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Put(name("k"), b"2", None)])
        assert await value_of(ports, name("k")) == b"1"

    async def test_a_stale_etag_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("k"), b"1", None)])
        stale = await etag_of(ports, name("k"))
        await ports.state_writer.transact([Put(name("k"), b"2", stale)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Put(name("k"), b"3", stale)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Delete(name("k"), stale)])
        assert await value_of(ports, name("k")) == b"2"

    async def test_an_etag_of_what_was_deleted_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("k"), b"1", None)])
        etag = await etag_of(ports, name("k"))
        await ports.state_writer.transact([Delete(name("k"), etag)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Put(name("k"), b"2", etag)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Delete(name("k"), etag)])
        assert await value_of(ports, name("k")) is None
        await ports.state_writer.transact([Put(name("k"), b"3", None)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Put(name("k"), b"4", etag)])
        assert await value_of(ports, name("k")) == b"3"

    async def test_an_etag_of_another_document_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("a"), b"1", None), Put(name("b"), b"1", None)])
        with pytest.raises(StateConflict):
            await ports.state_writer.transact([Put(name("a"), b"2", await etag_of(ports, name("b")))])
        assert await value_of(ports, name("a")) == b"1"


class TestAllOrNothing:
    @pytest.mark.parametrize("position", [0, 1, 2])
    async def test_one_conflict_undoes_all(self, ports: Ports, name: Callable[[str], str], position: int) -> None:
        await ports.state_writer.transact([Put(name("old"), b"1", None), Put(name("taken"), b"1", None)])
        before = await ports.state_reader.read([name("old"), name("taken")])
        operations: list[Put | Delete] = [Put(name("new"), b"2", None), Delete(name("old"), before[name("old")].etag)]
        operations.insert(position, Put(name("taken"), b"2", None))
        with pytest.raises(StateConflict):
            await ports.state_writer.transact(operations)
        assert await ports.state_reader.read([name("old"), name("taken"), name("new")]) == before

    async def test_put_and_delete_together(self, ports: Ports, name: Callable[[str], str]) -> None:
        await ports.state_writer.transact([Put(name("a"), b"1", None), Put(name("b"), b"1", None)])
        read = await ports.state_reader.read([name("a"), name("b")])
        await ports.state_writer.transact(
            [
                Put(name("c"), b"2", None),
                Put(name("a"), b"2", read[name("a")].etag),
                Delete(name("b"), read[name("b")].etag),
            ]
        )
        found = await ports.state_reader.read([name("a"), name("b"), name("c")])
        assert {key: document.value for key, document in found.items()} == {name("a"): b"2", name("c"): b"2"}

    async def test_a_key_may_not_come_twice(self, ports: Ports, name: Callable[[str], str]) -> None:
        with pytest.raises(ValueError, match="twice"):
            await ports.state_writer.transact([Put(name("k"), b"1", None), Put(name("k"), b"2", None)])
        assert await value_of(ports, name("k")) is None

    @pytest.mark.parametrize("key", ["", "a||b", "a\0b", "k" * 1001])
    async def test_a_key_that_is_none_is_refused(self, ports: Ports, name: Callable[[str], str], key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            await ports.state_writer.transact([Put(name("k"), b"1", None), Put(key, b"1", None)])
        assert await value_of(ports, name("k")) is None

    async def test_an_empty_document_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        with pytest.raises(ValueError, match="empty"):
            await ports.state_writer.transact([Put(name("k"), b"1", None), Put(name("l"), b"", None)])
        assert await value_of(ports, name("k")) is None

    async def test_nothing_to_do_is_no_error(self, ports: Ports) -> None:
        await ports.state_writer.transact([])


class TestSizes:
    async def test_too_large_to_write(self, harness: Harness, name: Callable[[str], str]) -> None:
        operations = [Put(name(f"k{n}"), b"x" * (harness.max_message_bytes // 4), None) for n in range(5)]
        with pytest.raises(MessageTooLarge):
            await harness.ports.state_writer.transact(operations)
        assert await harness.ports.state_reader.read([operation.key for operation in operations]) == {}

    async def test_too_large_to_read(self, harness: Harness, name: Callable[[str], str]) -> None:
        keys = [name(f"k{n}") for n in range(5)]
        for key in keys:
            await harness.ports.state_writer.transact([Put(key, b"x" * (harness.max_message_bytes // 4), None)])
        with pytest.raises(MessageTooLarge):
            await harness.ports.state_reader.read(keys)
        assert set(await harness.ports.state_reader.read(keys[:3])) == set(keys[:3])
