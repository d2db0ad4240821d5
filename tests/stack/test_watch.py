"""What `make stack` does about processes that end by themselves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override

from deploy.stack.environment import variables
from deploy.stack.guardian import Guardian
from deploy.stack.process import Command, Process
from deploy.stack.server import Server
from deploy.stack.watch import Watch
from tests.stack.commands import SLEEP, eventually

LAST_WORDS = "print('farewell', flush=True)"


class Program(Server):
    """Serves nobody."""

    @override
    def trouble(self) -> str | None:
        return None


class World:
    """A server that is started again and one that is not, and what was told of them."""

    def __init__(self, folder: Path, guardian: Guardian) -> None:
        self.told: list[str] = []
        self.restarted, self.vital = (self._server(name, folder, guardian) for name in ("app", "kafka"))
        self.watch = Watch(lambda: [self.restarted], [self.vital], self.told.append)

    @staticmethod
    def _server(name: str, folder: Path, guardian: Guardian) -> Server:
        arguments = [sys.executable, "-c", f"{LAST_WORDS}; {SLEEP}"]
        command = Command(name=name, arguments=arguments, environment=variables(), log=folder / f"{name}.log")
        server = Program(Process(command, guardian))
        server.start()
        assert eventually(lambda: server.process.tail() == "farewell")
        return server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Guardian() as guardian:
        world = World(tmp_path, guardian)
        yield world
        world.restarted.kill()
        world.vital.kill()


def test_nothing_is_told_while_all_runs(world: World) -> None:
    assert world.watch.look() is None
    assert world.told == []


def test_a_service_comes_back_each_time_a_little_later(world: World) -> None:
    for seconds in (1, 2):
        world.restarted.kill()
        assert world.watch.look() is None
        assert not world.restarted.running
        assert world.told[-1].startswith(f"app ended with status -9; starting it again in {seconds} s")
        assert eventually(lambda: world.watch.look() is None and world.restarted.running)
    assert len(world.told) == 2


def test_the_end_of_what_all_need_is_the_end(world: World) -> None:
    world.vital.kill()
    assert world.watch.look() is world.vital
    assert world.told == ["kafka ended with status -9; the stack can't go on without it\n    farewell"]
    assert not world.vital.running
