"""An ordered stage's loop: what it does about a frame that failed here."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framegraph.delivery.acknowledgers import Acknowledgers
from framegraph.nodes.ordered import OrderedNode
from framegraph.packet import Packet
from framegraph.properties import NoOptions
from framegraph.stage import Context, Ordered
from framegraph.wire import codec
from framegraph.wire.config import RunPaths
from framegraph.wire.inlet import Inlet
from framegraph.wire.outlet import Consumer, Outlet
from tests.framegraph.nodes.node_kit import DEADLINE_S, Surroundings

BAD = 1
"""The seq of the frame that the stage below fails on."""


class Numbers(Ordered):
    def process(self, packet: Packet) -> Packet:
        if packet.seq == BAD:
            raise ValueError("too dark")
        return packet


class Bench:
    """An ordered stage's node, the outlet that feeds it, the source that it answers, and who takes from it."""

    def __init__(self, folder: Path) -> None:
        paths = RunPaths(str(folder))
        Path(paths.journal("track", "camera")).parent.mkdir()
        self.around = Surroundings(
            folder,
            "track",
            keep={"camera": 8},
            upstreams=[paths.outlet("camera", 0)],
            outlet=paths.outlet("track", 0),
            consumers=[Consumer("film")],
        )
        context = self.around.context
        self.source = Acknowledgers(context, paths.acknowledgements("camera"), ["track"])
        self.upstream = Outlet(context, paths.outlet("camera", 0), 0, [Consumer("track")])
        self.node = OrderedNode(
            self.around.place, lambda source: Numbers(NoOptions(), Context(name="track", source=source))
        )
        self.downstream = Inlet(context, stage="film", replica=0, incarnation=0, capacity=1000)
        self.downstream.connect(paths.outlet("track", 0))
        self.answers: list[int] = []
        self.committed = -1

    def put(self, *seqs: int) -> None:
        for seq in seqs:
            packet = Packet(source="camera", seq=seq, prev_seq=seq - 1)
            self.upstream.put(packet, codec.encode_packet(packet))

    def until(self, is_reached: Callable[[], bool]) -> None:
        """Let everybody work until a state is reached."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not is_reached():
            now_s = time.monotonic()
            assert now_s < deadline_s, f"answered {self.answers}, committed {self.committed}"
            self.upstream.receive(now_s)
            self.upstream.pump(now_s)
            self.node.step(now_s)
            self.around.client.flush()
            self.committed = max([self.committed, *(heard.committed for heard in self.source.receive())])
            self.answers += [arrival.packet.seq for arrival in self.downstream.receive()]
            self.downstream.give_credit(now_s)

    def close(self) -> None:
        self.around.close(self.node, self.upstream, self.downstream, self.source)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def fail_one_of_four(bench: Bench) -> None:
    bench.put(0, BAD, 2, 3)
    bench.until(lambda: bench.node.counts["exceptions"] == 1 and bench.committed == 0)


def test_frames_behind_one_that_failed_are_answered_after_its_gap(bench: Bench) -> None:
    fail_one_of_four(bench)
    gap = Packet(source="camera", seq=BAD, prev_seq=BAD - 1, status="failed(track)")
    bench.source.tell_gaps("track", [gap], time.monotonic())
    bench.until(lambda: bench.committed == 3)
    bench.until(lambda: bench.answers == [0, 2, 3])


def test_a_frame_that_failed_and_was_done_with_meanwhile_is_not_waited_for(bench: Bench) -> None:
    fail_one_of_four(bench)
    bench.source.tell_start("track", BAD)
    bench.until(lambda: bench.committed == 3)
    bench.until(lambda: bench.answers == [0, 2, 3])
