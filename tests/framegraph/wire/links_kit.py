"""Outlets and inlets in one process, for the tests of links."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.inlet import REPEAT_S, Arrival, Inlet
from framegraph.wire.outlet import CREDIT, LINK_HEAD, MAGIC, Consumer, Outlet
from framegraph.wire.sockets import connect_dealer, receive_all

DEADLINE_S = 10.0
QUIET_S = 0.15
"""So long a test looks on to say that nothing comes: many times what a message takes."""


def packet(seq: int, *, source: str = "camera", **fields: Any) -> Packet:
    return Packet(source=source, seq=seq, prev_seq=seq - 1, **fields)


def credit(
    *, magic: bytes = MAGIC, outlet: int = 0, received: int = 0, upto: int = 0, leaving: bool = False
) -> bytes:
    """What a peer says; without arguments that it has nothing and that there is no room."""
    return CREDIT.pack(magic, outlet, received, upto, leaving)


def link_head(incarnation: int, number: int) -> bytes:
    return LINK_HEAD.pack(MAGIC, incarnation, number)


class Net:
    """An outlet and the inlets behind it, with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.endpoint = f"ipc://{folder}/out"
        self.now_s = 1000.0
        self.closing: list[Any] = []
        self.outlet = self.new_outlet(0)
        self.inlets: dict[str, Inlet] = {}
        self.arrived: dict[str, list[Arrival]] = {}

    def new_outlet(self, incarnation: int, *consumers: Consumer) -> Outlet:
        # A context of its own, as a process has: when it has ended, its socket has let go of the name.
        self.outlet_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.outlet = Outlet(
            self.outlet_context, self.endpoint, incarnation, consumers or [Consumer("detect")]
        )
        return self.outlet

    def end_outlet(self) -> None:
        self.outlet.close()
        self.outlet_context.term()

    def inlet(self, name: str, *, stage: str = "detect", capacity: int = 2, incarnation: int = 0) -> Inlet:
        inlet = Inlet(
            self.context,
            stage=stage,
            replica=int(name[-1]),
            incarnation=incarnation,
            capacity=capacity,
        )
        inlet.connect(self.endpoint)
        self.closing.append(inlet)
        self.inlets[name] = inlet
        self.arrived[name] = []
        return inlet

    def put(self, *seqs: int, **fields: Any) -> None:
        for seq in seqs:
            one = packet(seq, **fields)
            self.outlet.put(one, codec.encode_packet(one))

    def turn(self) -> list[tuple[str, int]]:
        """Let everybody do one round."""
        for name, inlet in self.inlets.items():
            self.arrived[name] += inlet.receive()
            inlet.give_credit(self.now_s)
        self.outlet.receive(self.now_s)
        return self.outlet.pump(self.now_s)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            self.turn()
            assert time.monotonic() < deadline_s, f"arrived: { {n: self.seqs(n) for n in self.arrived} }"
            time.sleep(0.001)

    def until_sent(self) -> None:
        """Let time pass until the outlet has sent something: credit may go to its dead predecessor at first, and
        is said again.
        """

        def has_sent() -> bool:
            self.now_s += 0 if self.outlet.packets_sent else REPEAT_S
            return self.outlet.packets_sent > 0

        self.until(has_sent)

    def quiet(self) -> None:
        """Give everything time to come that would come."""
        until_s = time.monotonic() + QUIET_S
        while time.monotonic() < until_s:
            self.turn()
            time.sleep(0.005)

    def seqs(self, name: str) -> list[int]:
        return [arrival.packet.seq for arrival in self.arrived[name]]

    def work_off(self, name: str) -> None:
        for arrival in self.arrived[name]:
            self.inlets[name].done(arrival.endpoint)
        self.arrived[name] = []

    def connections(self) -> list[socket.socket]:
        """The outlet's end of each connection to it."""
        found = []
        for name in os.listdir("/proc/self/fd"):
            try:
                one = socket.socket(fileno=os.dup(int(name)))
            except OSError:
                continue  # no socket, or closed meanwhile
            is_ours = one.family == socket.AF_UNIX and one.getsockname() == self.endpoint.removeprefix(
                "ipc://"
            )
            if is_ours and not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.append(one)
                continue
            one.close()
        return found

    def cut(self) -> None:
        """Lose all connections to the outlet, and wait until as many are there again."""
        lost = self.connections()
        for one in lost:
            one.shutdown(socket.SHUT_RDWR)
            one.close()
        deadline_s = time.monotonic() + DEADLINE_S
        # Twice: what is lost may still be open.
        for _look in range(2):
            time.sleep(QUIET_S)
            while len(again := self.connections()) < len(lost):
                for one in again:
                    one.close()
                assert time.monotonic() < deadline_s, "no connection was made again"
                time.sleep(0.001)
            for one in again:
                one.close()

    def close(self) -> None:
        self.end_outlet()
        for part in self.closing:
            part.close()
        self.context.term()


class Stranger:
    """A raw DEALER that says what the test wants."""

    def __init__(self, net: Net, identity: str) -> None:
        self.socket = connect_dealer(net.context, net.endpoint, identity)
        net.closing.append(self.socket)
        self._net = net

    def send(self, *frames: bytes) -> None:
        """Send, and see to it that the outlet's socket has it."""
        self.socket.poll(int(DEADLINE_S * 1000), zmq.POLLOUT)
        self.socket.send_multipart(frames)

    def say(self, **fields: Any) -> None:
        self.send(credit(**fields))

    def received(self) -> list[int]:
        """Numbers of the packets that have come within a moment."""
        numbers = []
        while self.socket.poll(int(QUIET_S * 1000)):
            numbers += [LINK_HEAD.unpack_from(message[0])[2] for message in receive_all(self.socket)]
        return [number for number in numbers if number]
