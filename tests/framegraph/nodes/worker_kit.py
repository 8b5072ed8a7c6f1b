"""A worker's node between its neighbours, for tests."""

import time
from pathlib import Path
from typing import Any

from framegraph.nodes.worker import WorkerNode
from framegraph.packet import Packet
from framegraph.properties import NoOptions
from framegraph.stage import Context, Stage
from framegraph.wire import codec
from framegraph.wire.config import ProcessCommon, RunPaths
from framegraph.wire.inlet import Inlet
from framegraph.wire.outlet import Consumer, Outlet
from framegraph.wire.sockets import receive_all
from tests.framegraph.nodes.node_kit import DEADLINE_S, Surroundings

CREDIT_DEADLINE_S = 0.5
"""By then credit that a worker has given is with its neighbour."""


class Bench:
    """A worker's node between an outlet that feeds it and an inlet that takes its answers."""

    def __init__(self, folder: Path, stage: type[Stage], batch: int, batch_wait: float) -> None:
        paths = RunPaths(str(folder))
        self.around = Surroundings(
            folder,
            "detect",
            common=ProcessCommon(batch=batch, batch_wait=batch_wait),
            upstreams=[paths.outlet("camera", 0)],
            outlet=paths.outlet("detect", 0),
            consumers=[Consumer("film")],
        )
        context, self.page = self.around.context, self.around.page
        self.upstream = Outlet(context, paths.outlet("camera", 0), 0, [Consumer("detect")])
        self.node = WorkerNode(self.around.place, stage(NoOptions(), Context(name="detect")))
        self.downstream = Inlet(context, stage="film", replica=0, incarnation=0, capacity=1000)
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
            self.node.step(time.monotonic())
            self.around.client.flush()
            for message in receive_all(self.around.bus):
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
        deadline_s = time.monotonic() + CREDIT_DEADLINE_S
        while self.upstream.packets_sent - sent < count and time.monotonic() < deadline_s:
            self.upstream.receive(time.monotonic())
            self.upstream.pump(time.monotonic())
        return self.upstream.packets_sent - sent == count

    def close(self) -> None:
        self.around.close(self.node, self.upstream, self.downstream)
