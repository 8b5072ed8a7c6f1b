"""A sink's loop: when the sources are told what is here."""

import time
from pathlib import Path
from typing import Any

import pytest

from framegraph.delivery.acknowledgers import Acknowledgers
from framegraph.nodes.sink import SLOW_WRITE_S, SinkNode
from framegraph.packet import Packet
from framegraph.properties import NoOptions
from framegraph.stage import Context, Sink
from framegraph.wire import codec
from framegraph.wire.config import RunPaths
from framegraph.wire.outlet import Consumer, Outlet
from tests.framegraph.nodes.node_kit import DEADLINE_S, Surroundings

SOURCES = ("slow", "quick")


class Bench:
    """A sink's node between an outlet that feeds it and the two sources that it answers."""

    def __init__(self, folder: Path) -> None:
        paths = RunPaths(str(folder))
        self.around = Surroundings(
            folder,
            "shout",
            sources={name: number for number, name in enumerate(SOURCES)},
            upstreams=[paths.outlet("work", 0)],
        )
        context = self.around.context
        self.sources = {
            name: Acknowledgers(context, paths.acknowledgements(name), ["shout"]) for name in SOURCES
        }
        self.received: dict[str, set[int]] = {name: set() for name in SOURCES}
        self.upstream = Outlet(context, paths.outlet("work", 0), 0, [Consumer("shout")])
        self.was_told_before: list[bool] = []
        self.node = SinkNode(self.around.place, self.make_sink)

    def make_sink(self, source: str) -> Sink:
        bench = self

        class Shout(Sink):
            def process(self, packet: Packet) -> Packet:
                if source == "slow":
                    # Before its first slow write nobody knows that they are.
                    if packet.seq:
                        bench.was_told_before.append(bench.hears(source, packet.seq))
                    time.sleep(5 * SLOW_WRITE_S)
                return packet

        return Shout(NoOptions(), Context(name="shout", source=source))

    def hears(self, source: str, seq: int) -> bool:
        """Whether a source is told within a second that this frame was received."""
        deadline_s = time.monotonic() + 1
        while seq not in self.received[source] and time.monotonic() < deadline_s:
            for one in self.sources[source].receive():
                self.received[source] |= {*one.received, *range(one.committed + 1)}
        return seq in self.received[source]

    def put(self, seq: int) -> None:
        for stream, name in enumerate(SOURCES):
            packet = Packet(source=name, stream=stream, seq=seq, prev_seq=seq - 1)
            self.upstream.put(packet, codec.encode_packet(packet))

    def until_written(self, count: int) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while self.node.counts["frames"] < count:
            assert time.monotonic() < deadline_s, f"written: {self.node.counts['frames']}"
            self.step()

    def step(self) -> None:
        now_s = time.monotonic()
        self.upstream.receive(now_s)
        self.upstream.pump(now_s)
        self.node.step(now_s)
        self.around.client.flush()

    def close(self) -> None:
        self.around.close(self.node, self.upstream, *self.sources.values())


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_slow_write_is_announced_though_another_source_is_written_quickly(bench: Bench) -> None:
    for seq in range(4):
        bench.put(seq)
        bench.until_written(2 * (seq + 1))
    assert bench.was_told_before == [True] * 3


class Gate(Sink):
    """A sink that takes frames only while it is open."""

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.is_open = False
        self.written: list[int] = []

    @property
    def is_ready(self) -> bool:
        return self.is_open

    def process(self, packet: Packet) -> Packet:
        self.written.append(packet.seq)
        return packet


def test_frames_wait_for_a_sink_that_is_not_ready_and_are_not_committed(bench: Bench) -> None:
    gates = [Gate(NoOptions(), Context(name="shout", source=name)) for name in SOURCES]
    for name, gate in zip(SOURCES, gates, strict=True):
        bench.node._lanes[name].sink = gate
    for seq in range(3):
        bench.put(seq)
    deadline_s = time.monotonic() + DEADLINE_S
    while len(bench.node._lanes["quick"].order.held) < 3 and time.monotonic() < deadline_s:
        bench.step()
    assert bench.hears("quick", 2)
    assert not any(gate.written for gate in gates)
    assert bench.node._lanes["quick"].committed_seq == -1
    gates[1].is_open = True
    bench.until_written(3)
    assert [gate.written for gate in gates] == [[], [0, 1, 2]]
