"""Messages that are lost or doubled on their way, on top of what dies."""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from framegraph.packet import Packet
from tests.framegraph.frames.delivery_world import PICK, Deaths


class Losses(Deaths):
    """As `Deaths`, and what is on its way may be lost, doubled or late; time passes."""

    seconds_per_round = 1000.0
    are_there_deaths: ClassVar[bool | None] = None

    def _on_their_way(self) -> list[list[Packet]]:
        return [sink.coming for sink in self.sinks.values() if sink.coming]

    @rule(seconds=st.floats(0.1, 5))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(pick=PICK)
    def a_packet_is_lost_on_its_way_to_a_worker(self, pick: int) -> None:
        self.workers[pick % len(self.workers)].inbox.take(1)

    @precondition(lambda self: self._on_their_way())
    @rule(pick=PICK, turn=PICK)
    def an_answer_is_lost(self, pick: int, turn: int) -> None:
        ways = self._on_their_way()
        coming = ways[pick % len(ways)]
        coming.pop(turn % len(coming))

    @precondition(lambda self: self._on_their_way())
    @rule(pick=PICK, turn=PICK)
    def an_answer_is_doubled(self, pick: int, turn: int) -> None:
        ways = self._on_their_way()
        coming = ways[pick % len(ways)]
        coming.append(coming[turn % len(coming)])

    @precondition(lambda self: self.haves)
    @rule(pick=PICK)
    def what_a_sink_said_is_lost(self, pick: int) -> None:
        self.haves.pop(pick % len(self.haves))

    @precondition(lambda self: self.haves)
    @rule(pick=PICK)
    def what_a_sink_said_is_doubled(self, pick: int) -> None:
        self.haves.append(self.haves[pick % len(self.haves)])


class OnlyLosses(Losses):
    """Nobody dies, so that nothing but time can heal what was lost."""

    are_there_deaths = False
