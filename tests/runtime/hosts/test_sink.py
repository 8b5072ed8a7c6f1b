"""A sink's loop: when the sources are told what is here."""

import time
from pathlib import Path
from typing import Any

import pytest
import zmq

from runtime.hosts.bus_client import BusClient
from runtime.hosts.committers import Committers
from runtime.hosts.config import ChildConfig, RunPaths
from runtime.hosts.loop import Place
from runtime.hosts.sink import SLOW_WRITE_S, SinkHost
from runtime.hosts.status_page import StatusPage
from runtime.packet import Packet
from runtime.properties import NoOptions
from runtime.stage import Context, Sink
from runtime.wire import codec
from runtime.wire.outlet import Consumer, Outlet
from runtime.wire.sockets import bind_router

DEADLINE_S = 10.0
SOURCES = ("slow", "quick")


class Bench:
    """A sink's host between an outlet that feeds it and the two sources that it answers."""

    def __init__(self, folder: Path) -> None:
        paths = RunPaths(str(folder))
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.bus = bind_router(self.context, paths.bus)
        self.sources = {name: Committers(self.context, paths.commit(name), ["shout"]) for name in SOURCES}
        self.received: dict[str, set[int]] = {name: set() for name in SOURCES}
        known: dict[str, Any] = {
            "stage": "shout",
            "replica": 0,
            "incarnation": 0,
            "type": "shout",
            "common": {"max_frames_per_process": 0, "memory_limit": 0, "fsync": "never"},
            "sources": {name: number for number, name in enumerate(SOURCES)},
            "reached_by": list(SOURCES),
            "upstreams": [paths.outlet("work", 0)],
            "commits": {name: paths.commit(name) for name in SOURCES},
        }
        empty = {"str": "", "int": 1, "list[str]": [], "dict[str, str]": {}}
        for name, kind in ChildConfig.__annotations__.items():
            if name not in known and not hasattr(ChildConfig, name):
                known[name] = empty.get(kind, {})
        self.client = BusClient(self.context, paths.bus, "shout.0#0")
        page = StatusPage(folder / "status")
        place = Place(
            context=self.context, config=ChildConfig(**known), paths=paths, bus=self.client, page=page
        )
        self.upstream = Outlet(self.context, paths.outlet("work", 0), 0, [Consumer("shout")])
        self.was_told_before: list[bool] = []
        self.host = SinkHost(place, self.make_sink)

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
        while self.host.counts["frames"] < count:
            now_s = time.monotonic()
            assert now_s < deadline_s, f"written: {self.host.counts['frames']}"
            self.upstream.receive(now_s)
            self.upstream.pump(now_s)
            self.host.step(now_s)
            self.client.flush()

    def close(self) -> None:
        self.host.close()
        for part in (self.upstream, self.client.socket, self.bus, *self.sources.values()):
            part.close()
        self.context.term()


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
