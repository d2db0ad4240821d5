"""One log, one store, one engine: what the tests of the engine begin with."""

from projector.engine import Engine
from projector.pieces import PieceLimits
from read_models import codec, keys
from read_models.control import ControlDocument
from sidecar.delivery import Verdict
from sidecar.records import StoredDocument
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import START, Report

REPORT = Report("e-1", "ada", START, "l1", 500_000, 250_000, 1000, ("first",))


class World:
    """One log, one store, one engine."""

    def __init__(self, **limits: int) -> None:
        self.log = MemoryLog()
        self.state = MemoryState()
        self.engine = self.new_engine(**limits)

    def new_engine(self, **limits: int) -> Engine:
        return Engine(log=self.log, reader=self.state, writer=self.state, limits=PieceLimits(**limits))

    async def fold_all(self) -> None:
        for number in range(self.log.partitions):
            assert await self.engine.handle(self.log.records(number)) is Verdict.SETTLED, self.engine.trouble

    @property
    def values(self) -> dict[str, bytes]:
        return self.state.values()


def switch(world: World) -> None:
    """Make generation 2, a copy of generation 1, the active one."""
    for key, document in list(world.state.documents.items()):
        if key.startswith("g1/"):
            world.state.documents["g2/" + key.removeprefix("g1/")] = StoredDocument(document.value, f"copy of {key}")
    control = codec.decode(world.state.documents[keys.CONTROL].value, ControlDocument)
    control = ControlDocument(2, control.log, {**control.folds, "2": control.folds["1"]})
    world.state.documents[keys.CONTROL] = StoredDocument(codec.encode(control), "switched")
