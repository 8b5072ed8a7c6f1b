"""A worker's host between its neighbours, for tests."""

import time
from pathlib import Path
from typing import Any

import zmq

from runtime.hosts.bus_client import BusClient
from runtime.hosts.config import ChildConfig, RunPaths
from runtime.hosts.loop import Place
from runtime.hosts.status_page import StatusPage
from runtime.hosts.worker import WorkerHost
from runtime.packet import Packet
from runtime.properties import NoOptions
from runtime.stage import Context, Stage
from runtime.wire import codec
from runtime.wire.inlet import Inlet
from runtime.wire.outlet import Consumer, Outlet
from runtime.wire.sockets import bind_router, receive_all

DEADLINE_S = 10.0


class Bench:
    """A worker's host between an outlet that feeds it and an inlet that takes its answers."""

    def __init__(self, folder: Path, stage: type[Stage], batch: int, batch_wait: float) -> None:
        paths = RunPaths(str(folder))
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.bus = bind_router(self.context, paths.bus)
        known: dict[str, Any] = {
            "stage": "detect",
            "replica": 0,
            "incarnation": 0,
            "type": "detect",
            "common": {
                "batch": batch,
                "batch_wait": batch_wait,
                "max_frames_per_process": 0,
                "memory_limit": 0,
            },
            "sources": {"camera": 0},
            "priorities": {},
            "weights": {},
            "reached_by": ["camera"],
            "upstreams": [paths.outlet("camera", 0)],
            "outlet": paths.outlet("detect", 0),
            "consumers": [Consumer("film")],
        }
        empty = {"str": "", "int": 1, "list[str]": [], "dict[str, str]": {}}
        for name, kind in ChildConfig.__annotations__.items():
            if name not in known and not hasattr(ChildConfig, name):
                known[name] = empty.get(kind, {})
        self.page = StatusPage(folder / "status")
        self.client = BusClient(self.context, paths.bus, "detect.0#0")
        place = Place(
            context=self.context, config=ChildConfig(**known), paths=paths, bus=self.client, page=self.page
        )
        self.upstream = Outlet(self.context, paths.outlet("camera", 0), 0, [Consumer("detect")])
        self.host = WorkerHost(place, stage(NoOptions(), Context(name="detect")))
        self.downstream = Inlet(self.context, stage="film", replica=0, incarnation=0, capacity=1000)
        self.downstream.connect(paths.outlet("detect", 0))
        self.answers: list[int] = []
        self.failed: list[dict[str, Any]] = []
        self.error = ""

    def put(self, *seqs: int) -> None:
        for seq in seqs:
            packet = Packet(source="camera", seq=seq, prev_seq=seq - 1)
            self.upstream.put(packet, codec.encode_packet(packet))

    def until_done(self, count: int) -> None:
        """Let everybody work until so many frames have been answered or have failed."""
        deadline_s = time.monotonic() + DEADLINE_S
        while len(self.answers) + len(self.failed) < count:
            assert time.monotonic() < deadline_s, f"answered {self.answers}, failed {self.failed}"
            self.neighbours()
            self.host.step(time.monotonic())
            self.client.flush()
            for message in receive_all(self.bus):
                said = codec.unpack(message[-1])
                if said["kind"] == "frame_failed":
                    self.failed.append(said)
                elif said["kind"] == "error":
                    self.error = said["text"]

    def neighbours(self) -> None:
        """Let those before and behind the worker do a round."""
        now_s = time.monotonic()
        self.upstream.receive(now_s)
        self.upstream.pump(now_s)
        self.answers += [arrival.packet.seq for arrival in self.downstream.receive()]
        self.downstream.give_credit(now_s)

    def has_room_for(self, count: int) -> bool:
        """Whether the worker takes exactly so many packets ahead; `put` more than that before."""
        sent = self.upstream.packets_sent
        deadline_s = time.monotonic() + DEADLINE_S
        while self.upstream.packets_sent - sent < count and time.monotonic() < deadline_s:
            self.upstream.receive(time.monotonic())
            self.upstream.pump(time.monotonic())
        return self.upstream.packets_sent - sent == count

    def close(self) -> None:
        self.host.close()
        for part in (self.upstream, self.downstream, self.client.socket, self.bus):
            part.close()
        self.context.term()
