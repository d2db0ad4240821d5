"""A replay on the real stack, beside what it has to be compared with. See `bench/README.md`.

Parts, for --skip: a, reading the log alone; b, replays; c, the live path; d, the package eventsourcing; e, documents
through the sidecar without folding; f, memory with more events.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.common import ratio, row
from bench.replay_facts import BenchFailed, Case
from bench.replay_log import READERS, Filled, fill, read, tell
from bench.replay_ours import MIB, Ground, Measured, bare_documents, ground, live, replay
from bench.replay_peer import peer
from deploy.stack.environment import variables
from deploy.stack.errors import StackError
from deploy.stack.process import Command
from deploy.stack.service import CHECKOUT
from learnflow.replaying.options import ReplayOptions

_GROUPS: Final = ("replay", "daprd", "postgres", "kafka")
_INTERRUPTED: Final = 130
BESIDE: Final = "json.loads"
"""The reader that replays are shown beside."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be measured."""

    events: int
    learners: list[int]
    workers: list[int]
    memory: int
    runs: int
    skip: set[str]
    live_seconds: float
    peer_events: int
    memory_events: int
    json: Path | None
    profile: bool


@dataclass(slots=True)
class Findings:
    """What was measured so far, kept in a file after each part if there is to be one.

    Attributes:
        entries: one a measurement: what it is, and its figures.
    """

    file: Path | None
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, case: Case, **figures: Any) -> None:
        """Take one more."""
        load = round(os.getloadavg()[0], 2)
        self.entries.append({"what": what, **asdict(case), "load": load, **figures})
        if self.file is not None:
            machine = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
            self.file.write_text(json.dumps({**machine, "measured": self.entries}, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Measure what is asked for and print a table; 0, or 1 where something is not as it should be."""
    wishes = _wishes()
    # Also for SIGTERM, so that what was started is ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    findings = Findings(wishes.json)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {wishes.runs} runs\n")
    try:
        for learners in wishes.learners if wishes.profile or not wishes.skip >= set("abcde") else ():
            case = Case(wishes.events, learners)
            with _filled(case, findings) as (on, filled):
                if wishes.profile:
                    _profile(on)
                else:
                    _case(on, filled, wishes, findings)
        if "f" not in wishes.skip and not wishes.profile:
            _memory(wishes, findings)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (BenchFailed, StackError) as failure:
        tell(f"failed: {failure}")
        return 1
    print(f"load {os.getloadavg()[0]:.1f} in the end")
    return 0


def _wishes() -> Wishes:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="to replay")
    parser.add_argument("--learners", default="5000,200000", help="among whom they are spread; a case each")
    parser.add_argument("--workers", default="1,2", help="of replays, each measured by itself")
    parser.add_argument("--memory", type=int, default=ReplayOptions().memory_mib, help="of replays, in MiB")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement; medians are printed")
    parser.add_argument("--skip", default="", help="parts to leave out, as in a,c,d")
    parser.add_argument("--live-seconds", type=float, default=30, help="for which the live path is watched")
    parser.add_argument("--peer-events", type=int, default=20_000, help="that the package eventsourcing is given")
    parser.add_argument("--memory-events", type=int, default=3_000_000, help="for part f; of 5,000 learners")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all figures are written, too")
    parser.add_argument("--profile", action="store_true", help="only tell where the time of one worker goes")
    given = parser.parse_args()
    return Wishes(
        events=given.events,
        learners=[int(number) for number in given.learners.split(",")],
        workers=[int(number) for number in given.workers.split(",")],
        memory=given.memory,
        runs=given.runs,
        skip=set(given.skip.replace(",", "")),
        live_seconds=given.live_seconds,
        peer_events=given.peer_events,
        memory_events=given.memory_events,
        json=given.json,
        profile=given.profile,
    )


@contextmanager
def _filled(case: Case, findings: Findings) -> Iterator[tuple[Ground, Filled]]:
    tell(f"{case}: starting Kafka, Postgres and sidecars")
    with ground() as on:
        tell(f"{case}: filling the log")
        filled = fill(on.infrastructure.brokers, case)
        rate = case.events / filled.seconds
        size = filled.value_bytes / case.events
        print(f"--- {case}, {size:,.0f} bytes each; load {os.getloadavg()[0]:.1f} ---\n")
        row("append to the log, librdkafka", [rate], " events/s")
        print()
        findings.add("fill", case, events_per_second=rate, value_bytes=filled.value_bytes)
        yield on, filled


def _case(on: Ground, filled: Filled, wishes: Wishes, findings: Findings) -> None:
    reads, replays = _alternating(on, filled, wishes, findings)
    workers = max(wishes.workers)
    ours = [one.rate for one in replays.get(workers, [])]
    if "e" not in wishes.skip and filled.case.learners == wishes.learners[-1]:
        _documents(on, filled, wishes, findings, replays.get(workers, []))
    if "b" not in wishes.skip:
        one = _replay(on, filled, findings, workers=workers, memory_mib=wishes.memory, large=False)
        _print_replays(f"replay, {workers} workers, messages of 4 MiB", [one], reads[:1])
    if "c" not in wishes.skip:
        _live(on, filled.case, wishes, findings, ours)
    if "d" not in wishes.skip and filled.case.learners == wishes.learners[0]:
        _peer(on, filled.case, wishes, findings, ours)


def _alternating(
    on: Ground, filled: Filled, wishes: Wishes, findings: Findings
) -> tuple[list[float], dict[int, list[Measured]]]:
    """Parts a and b, in turn, as the machine is not the same all the time; the rates of `BESIDE`, and the replays."""
    case = filled.case
    readers = {} if "a" in wishes.skip else READERS
    reads: dict[str, list[float]] = {name: [] for name in readers}
    replays: dict[int, list[Measured]] = {} if "b" in wishes.skip else {workers: [] for workers in wishes.workers}
    for run in range(wishes.runs):
        for name, decode in readers.items():
            tell(f"{case}: run {run + 1}, reading and {name}")
            reads[name].append(read(on.infrastructure.brokers, case, decode))
            findings.add("read", case, decode=name, events_per_second=reads[name][-1])
        for workers, measured in replays.items():
            measured.append(_replay(on, filled, findings, workers=workers, memory_mib=wishes.memory))
    for name, rates in reads.items():
        row(f"read alone, {name}", rates, " events/s")
    print()
    beside = reads.get(BESIDE, [])
    for workers, measured in replays.items():
        _print_replays(f"replay, {workers} worker{'s' * (workers > 1)}", measured, beside)
    return beside, replays


def _replay(
    on: Ground, filled: Filled, findings: Findings, *, workers: int, memory_mib: int, large: bool = True
) -> Measured:
    size = "64 MiB" if large else "4 MiB"
    tell(f"{filled.case}: replay, {workers} workers, messages of {size}")
    found = replay(on, filled, workers=workers, memory_mib=memory_mib, large=large)
    tell(f"  {found.rate:,.0f} events/s, {found.wall_seconds:.1f} s in all, {found.peak_bytes / MIB:,.0f} MiB")
    figures = {**asdict(found), "events_per_second": found.rate, "memory_mib": memory_mib, "messages": size}
    del figures["case"]
    findings.add("replay", filled.case, **figures)
    return found


def _print_replays(name: str, measured: list[Measured], reads: list[float]) -> None:
    row(name, [one.rate for one in measured], " events/s")
    walls = [one.wall_seconds for one in measured]
    builds = [one.build_seconds for one in measured]
    peaks = [one.peak_bytes / MIB for one in measured]
    documents = [one.documents / one.build_seconds for one in measured]
    print(f"  building {statistics.median(builds):.1f} s, the command {statistics.median(walls):.1f} s in all")
    print(f"  peak memory of its processes {statistics.median(peaks):,.0f} MiB")
    print(f"  documents written {statistics.median(documents):,.0f}/s, {measured[-1].documents:,} in all")
    shares = {
        group: statistics.median(
            [one.processor_seconds[group] / one.case.events * 1_000_000 for one in measured]  # per million events
        )
        for group in _GROUPS
    }
    taken = ", ".join(f"{group} {seconds:.1f}" for group, seconds in shares.items())
    print(f"  processor seconds a million events: {taken}")
    if reads:
        print(f"  beside reading alone, {BESIDE}:")
        ratio([one.rate for one in measured], reads)
    else:
        print()


def _documents(on: Ground, filled: Filled, wishes: Wishes, findings: Findings, replays: list[Measured]) -> None:
    workers = max(wishes.workers)
    last = replays[-1] if replays else _replay(on, filled, findings, workers=workers, memory_mib=wishes.memory)
    most = ReplayOptions(workers=workers, memory_mib=wishes.memory).limits(64 * MIB).flush_documents
    rates = []
    for run in range(wishes.runs):
        tell(f"{filled.case}: documents without folding, run {run + 1}")
        rate = bare_documents(on, flush_bytes=last.flush_bytes, flush_documents=most, workers=workers)
        findings.add("documents", filled.case, documents_per_second=rate, workers=workers)
        rates.append(rate)
    row("documents through the sidecar, no folding", rates, "/s")
    print(f"  the replay's, {workers} workers, beside it:")
    ratio([last.documents / last.build_seconds], [statistics.median(rates)])


def _live(on: Ground, case: Case, wishes: Wishes, findings: Findings, ours: list[float]) -> None:
    rates = []
    for run in range(wishes.runs):
        tell(f"{case}: the live path for {wishes.live_seconds:.0f} s, run {run + 1}")
        rate, count = live(on, case, wishes.live_seconds)
        findings.add("live", case, events_per_second=rate, events_seen=count)
        rates.append(rate)
    row(f"live path, first {wishes.live_seconds:.0f} s of the same log", rates, " events/s")
    _times(ours, rates)


def _peer(on: Ground, case: Case, wishes: Wishes, findings: Findings, ours: list[float]) -> None:
    part = Case(wishes.peer_events, max(1, case.learners * wishes.peer_events // case.events))
    rates = []
    for run in range(wishes.runs):
        tell(f"{part}: eventsourcing rebuilds its projection, run {run + 1}")
        rates.append(peer(on.infrastructure.postgres_dsn, part))
        findings.add("eventsourcing", part, events_per_second=rates[-1])
    row(f"eventsourcing, {part}", rates, " events/s")
    _times(ours, rates)


def _times(ours: list[float], others: list[float]) -> None:
    if ours:
        print("  the replay beside it:")
        ratio([statistics.median(ours)], [statistics.median(others)])
    else:
        print()


def _memory(wishes: Wishes, findings: Findings) -> None:
    workers = max(wishes.workers)
    case = Case(wishes.memory_events, wishes.learners[0])
    with _filled(case, findings) as (on, filled):
        found = _replay(on, filled, findings, workers=workers, memory_mib=wishes.memory)
    _print_replays(f"replay, {workers} workers, --memory {wishes.memory}", [found], [])


def _profile(on: Ground) -> None:
    for kind in ("plain", "cprofile"):
        tell(f"building partitions 0 to 3, {kind}")
        on.clear()
        log = on.infrastructure.logs / f"bench-{kind}.log"
        process = on.infrastructure.process(
            Command(
                name=f"bench-{kind}",
                arguments=[sys.executable, "-m", "bench.replay_profile", kind, "0", "1", "2", "3"],
                environment=variables(on.stack.operator_variables),
                log=log,
                cwd=CHECKOUT,
            )
        )
        try:
            process.start()
            while process.running:
                time.sleep(0.1)
        finally:
            process.kill()
        print(log.read_text(encoding="utf-8"))
        if process.exit_status != 0:
            raise BenchFailed(f"the profile ended with status {process.exit_status}")


if __name__ == "__main__":
    sys.exit(main())
