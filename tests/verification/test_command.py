"""`learnflow verify` as a real process, on the embedded default: while it serves, and over damaged documents."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from learnflow.verify_command import DIFFERENT, UNREADABLE
from projector.engine import Engine
from read_models import keys
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import NewRecord, Put
from tests.projector.harness import REPORT
from tests.servers import learnflow, running_server
from tests.strategies import value_of

pytestmark = pytest.mark.process


def verify(data_dir: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return learnflow("verify", "--data-dir", data_dir, *arguments)


@asynccontextmanager
async def opened(data_dir: Path) -> AsyncIterator[EmbeddedSidecar]:
    sidecar = EmbeddedSidecar.open(data_dir, partitions=2)
    try:
        yield sidecar
    finally:
        await sidecar.close()


async def two_generations(data_dir: Path) -> list[str]:
    """A learner's report and a value that is parked, folded; and a copy of the generation. Returns its suffixes."""
    async with opened(data_dir) as sidecar:
        records = [NewRecord("ada", value_of(REPORT)), NewRecord("ada", b"not json")]
        await sidecar.appender.append(records, timeout_seconds=5)
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        for number in range(2):
            await engine.catch_up(number)
        stored = await sidecar.state.read([keys.CONTROL])
        control = msgspec.json.decode(stored[keys.CONTROL].value)
        control["folds"]["2"] = control["folds"]["1"]
        parts = ["learner/ada", "partition/0", "partition/1", "parked/0/0", "parked/1/0"]
        documents = await sidecar.state.read([f"g1/{one}" for one in parts])
        copies = [Put(key.replace("g1/", "g2/"), one.value, None) for key, one in documents.items()]
        await sidecar.state.transact(
            [Put(keys.CONTROL, msgspec.json.encode(control), stored[keys.CONTROL].etag), *copies]
        )
        return [key.removeprefix("g1/") for key in documents]


async def change(data_dir: Path, key: str, **members: Any) -> None:
    async with opened(data_dir) as sidecar:
        stored = (await sidecar.state.read([key]))[key]
        changed = msgspec.json.encode({**msgspec.json.decode(stored.value), **members})
        await sidecar.state.transact([Put(key, changed, stored.etag)])


def test_it_looks_while_the_service_serves_and_takes_requests(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        body = {"learner_id": "ada", "topic": "Loops", "level": "beginner", "duration_minutes": 30}
        sent = httpx2.post(f"{server.url}/generate-lesson", json=body, trust_env=False).raise_for_status()
        headers = {"Consistency-Token": sent.headers["Consistency-Token"], "Prefer": "wait=10"}
        of_ada = {"learner_id": "ada"}
        httpx2.get(f"{server.url}/status", params=of_ada, headers=headers, trust_env=False).raise_for_status()
        found = verify(tmp_path / "data", "--json")
        assert found.returncode == 0, found.stdout + found.stderr
        report = json.loads(found.stdout)
        assert report["good"]
        assert report["comparison"]["counts"]["lesson"]["same"] == 1
        audited = report["audit"]["partitions"]
        assert sum(one["applied"] for one in audited) == 1


async def test_equal_generations_and_sound_accounts_end_with_0(tmp_path: Path) -> None:
    suffixes = await two_generations(tmp_path)
    for arguments in ((), ("--generation", "2"), ("--generation", "2", "--against", "1"), ("--audit-only",)):
        found = verify(tmp_path, *arguments)
        assert found.returncode == 0, found.stdout + found.stderr
        assert found.stdout.rstrip().endswith("\nsound")
        assert found.stderr == ""
    hashes = tmp_path / "hashes"
    assert verify(tmp_path, "--hashes", hashes).returncode == 0
    written = [line.split() for line in hashes.read_text(encoding="utf-8").splitlines()]
    lines = {suffix: found_hash for found_hash, suffix in written}
    assert sorted(lines) == sorted(suffixes)
    async with opened(tmp_path) as sidecar:
        for suffix, found_hash in lines.items():
            stored = await sidecar.state.read([f"g1/{suffix}"])
            assert sha256(stored[f"g1/{suffix}"].value).hexdigest() == found_hash


async def test_a_difference_ends_with_1_and_can_be_accepted(tmp_path: Path) -> None:
    await two_generations(tmp_path)
    await change(tmp_path, "g2/learner/ada", last_activity_us=7)
    for arguments in (("--generation", "2"), ("--generation", "2", "--against", "1")):
        found = verify(tmp_path, *arguments)
        assert found.returncode == DIFFERENT
        assert "learner: last_activity_us  in 1 documents, e.g. learner/ada" in found.stdout
        (option,) = [line for line in found.stdout.splitlines() if "--accept-differences" in line]
        accepted = verify(tmp_path, *arguments, *option.replace("'", "").split())
        assert accepted.returncode == 0, accepted.stdout
        assert "equal but for what is accepted, in 1 documents" in accepted.stdout
    # What serves is not what was damaged.
    assert verify(tmp_path).returncode == 0


async def test_unsound_accounts_end_with_1(tmp_path: Path) -> None:
    await two_generations(tmp_path)
    await change(tmp_path, "g1/partition/0", missing=1)
    found = verify(tmp_path, "--audit-only")
    assert found.returncode == DIFFERENT
    assert "does-not-add-up: partition 0" in found.stdout
    report = json.loads(verify(tmp_path, "--audit-only", "--json").stdout)
    assert (report["good"], report["comparison"]) == (False, None)
    assert [fault["kind"] for fault in report["audit"]["faults"]] == ["does-not-add-up"]


async def test_what_can_not_be_read_ends_with_2_and_one_line(tmp_path: Path) -> None:
    nothing = verify(tmp_path / "nothing")
    assert nothing.returncode == UNREADABLE
    assert len(nothing.stderr.splitlines()) == 1
    await two_generations(tmp_path)
    for arguments in (
        ("--generation", "3"),
        ("--generation", "2", "--against", "3"),
        ("--hashes", tmp_path / "no" / "folder"),
    ):
        found = verify(tmp_path, *arguments)
        assert (found.returncode, found.stdout) == (UNREADABLE, "")
        assert len(found.stderr.splitlines()) == 1
    wrong = verify(tmp_path, "--accept-differences", "leaner:*")
    assert wrong.returncode == UNREADABLE
    assert "leaner:*" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1
    unset = learnflow("verify", env={"LEARNFLOW_DATA_DIR": str(tmp_path), "LEARNFLOW_PARTITIONS": "many"})
    assert (unset.returncode, len(unset.stderr.splitlines())) == (UNREADABLE, 1)


def test_help_has_examples(tmp_path: Path) -> None:
    found = verify(tmp_path, "--help")
    assert found.returncode == 0
    assert "learnflow verify --generation 2 --against 1" in found.stdout
    assert not list(tmp_path.iterdir())
