"""Where the time of a replay's worker goes: partitions built in this process, two at a time as a worker does.

`python -m bench.replay_profile plain|cprofile PARTITION...`, with the variables of a command for operators. Plain, it
tells what each thread took, and within the event loop's what each step took. With cProfile it tells the functions of
the event loop's thread, all of them slower than they are, those that are called most by most. All is time of the
processor, so that others on the machine do not show.
"""

import asyncio
import cProfile
import importlib
import pstats
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, ParamSpec, TypeVar

from bench.replay_proc import thread_seconds
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.worker import SLOTS
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts, open_tool
from projector.replay.builder import BuildLimits, PartitionBuilder, Progress
from projector.replay.runs import Runner, begin
from projector.targets import Built

P = ParamSpec("P")
R = TypeVar("R")

_STEPS: Final = {
    "decode": ("projector.replay.builder", "decode_record"),
    "name the keys": ("projector.replay.builder", "needed_keys"),
    "fold": ("projector.replay.builder", "fold"),
    "measure (encode)": ("projector.workspace", "Workspace.size"),
    "changes (encode)": ("projector.workspace", "Workspace.changes"),
    "a document's operation": ("sidecar.dapr.state_store", "_operation"),
}
"""By name where each is called from; what is not there any more is left out."""
_SHOWN: Final = 25


def main() -> None:
    """Build, and print what it cost."""
    kind, *partitions = sys.argv[1:]
    profiler = cProfile.Profile(time.thread_time) if kind == "cprofile" else None
    steps = {} if profiler is not None else _timed()
    asyncio.run(_build([int(number) for number in partitions], profiler, steps))


async def _build(partitions: list[int], profiler: cProfile.Profile | None, steps: dict[str, float]) -> None:
    settings = Settings()
    limits = ReplayOptions().limits(settings.message_bytes)
    async with AsyncExitStack() as stack:
        slots = [await stack.enter_async_context(open_tool(settings)) for _ in range(SLOTS)]
        first = slots[0]
        run = await begin(first.log_reader, first.state_reader, first.state_writer, Runner.here())
        bounds = await first.log_reader.bounds()
        ends = {number: bounds[number].end for number in partitions}
        left = list(partitions)
        steps.update(dict.fromkeys(steps, 0.0))
        before, began = thread_seconds(), time.perf_counter()
        if profiler is not None:
            profiler.enable()
        await asyncio.gather(*(_slot(ports, left, run.target(), ends, limits) for ports in slots))
        if profiler is not None:
            profiler.disable()
        seconds = time.perf_counter() - began
        taken = {name: now - before.get(name, 0.0) for name, now in thread_seconds().items()}
    positions = sum(ends.values())
    print(
        f"{positions:,} events of {len(partitions)} partitions in {seconds:.1f} s: {positions / seconds:,.0f} events/s"
    )
    if profiler is None:
        _print("processor microseconds an event, by thread:", taken, positions)
        _print("of the event loop's (MainThread), by step:", steps, positions)
    else:
        stats = pstats.Stats(profiler)
        stats.sort_stats("tottime").print_stats(_SHOWN)
        stats.sort_stats("cumtime").print_stats(2 * _SHOWN)


def _timed() -> dict[str, float]:
    """Have the steps timed from now on; what they have taken, in seconds of the processor, is in the dict."""
    taken: dict[str, float] = {}
    for step, (module, path) in _STEPS.items():
        *holders, name = path.split(".")
        place: Any = importlib.import_module(module)
        for holder in holders:
            place = getattr(place, holder)
        if hasattr(place, name):
            taken[step] = 0.0
            setattr(place, name, _timing(taken, step, getattr(place, name)))
    return taken


def _timing(taken: dict[str, float], step: str, function: Callable[P, R]) -> Callable[P, R]:
    clock = time.thread_time

    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        began = clock()
        try:
            return function(*args, **kwargs)
        finally:
            taken[step] += clock() - began

    return timed


async def _slot(ports: ToolPorts, left: list[int], target: Built, ends: Mapping[int, int], limits: BuildLimits) -> None:
    def progress(_: Progress) -> None:
        """Nobody looks."""

    def told(trouble: str | None) -> None:
        print(f"waiting: {trouble}")

    while left:
        partition = left.pop(0)
        builder = PartitionBuilder(
            partition,
            log=ports.log_reader,
            reader=ports.state_reader,
            writer=ports.state_writer,
            target=target,
            limits=limits,
            progress=progress,
            told=told,
        )
        await builder.build(ends[partition])


def _print(title: str, taken: Mapping[str, float], positions: int) -> None:
    print(title)
    for name, seconds in sorted(taken.items(), key=lambda one: -one[1]):
        if seconds > 0:
            print(f"  {name:32} {seconds / positions * 1e6:7.2f}")


if __name__ == "__main__":
    main()
