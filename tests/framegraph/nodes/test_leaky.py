"""A leaky sink's loop: how much it lets come."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.nodes.leaky import LeakyNode
from framegraph.packet import Packet
from framegraph.properties import NoOptions
from framegraph.stage import Context, LeakySink
from framegraph.wire import codec
from framegraph.wire.config import ProcessCommon, RunPaths
from framegraph.wire.outlet import Consumer, Outlet
from tests.framegraph.nodes.node_kit import DEADLINE_S, Surroundings

ROOM = 2


class Bench:
    """A leaky sink's node that takes its time, and the outlet that feeds it."""

    def __init__(self, folder: Path) -> None:
        paths = RunPaths(str(folder))
        self.around = Surroundings(
            folder,
            "window",
            common=ProcessCommon(max_size_buffers=ROOM),
            upstreams=[paths.outlet("camera", 0)],
        )
        self.upstream = Outlet(self.around.context, paths.outlet("camera", 0), 0, [Consumer("window")])
        self.shown: list[int] = []
        self.ahead: list[int] = []
        self.node = LeakyNode(self.around.place, self.make_sink())

    def make_sink(self) -> LeakySink:
        bench = self

        class Slow(LeakySink):
            def process(self, packet: Packet) -> Packet:
                # Only while it works its neighbour sends it what there is room for.
                bench.neighbour()
                bench.ahead.append(bench.upstream.packets_sent - len(bench.shown))
                bench.shown.append(packet.seq)
                time.sleep(0.1)
                return packet

        return Slow(NoOptions(), Context(name="window"))

    def put(self, count: int) -> None:
        for seq in range(count):
            packet = Packet(source="camera", seq=seq, prev_seq=seq - 1)
            self.upstream.put(packet, codec.encode_packet(packet))

    def neighbour(self) -> None:
        self.upstream.receive(time.monotonic())
        self.upstream.pump(time.monotonic())

    def close(self) -> None:
        self.around.close(self.node, self.upstream)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_packet_that_comes_during_a_long_look_is_not_taken_for_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("framegraph.wire.outlet", "framegraph.nodes.receiving"):
        monkeypatch.setattr(f"{module}.FORGIVE_AFTER_S", 0.05)
    bench.put(12)
    deadline_s = time.monotonic() + DEADLINE_S
    while len(bench.shown) < 12:
        assert time.monotonic() < deadline_s, bench.shown
        if bench.upstream.packets_sent == len(bench.shown):
            bench.neighbour()
        bench.node.step(time.monotonic())
    assert bench.shown == list(range(12))
    assert max(bench.ahead) == ROOM
