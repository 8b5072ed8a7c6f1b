"""The acknowledgement links of an ordered stage or sink: straight to each source, past all workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import zmq

from framegraph.delivery.order import End
from framegraph.errors import WireError
from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.config import ChildConfig
from framegraph.wire.inlet import REPEAT_S
from framegraph.wire.sockets import connect_dealer, link_identity, receive_all, try_send


@dataclasses.dataclass(frozen=True)
class Acknowledgement:
    """An absolute report of what an acknowledger has of one source: a lost message costs nothing."""

    committed: int
    received: tuple[int, ...]
    ended: bool


@dataclasses.dataclass(frozen=True)
class StartAfter:
    """Nothing up to this frame will come again."""

    seq: int


SourceMessage = Packet | End | StartAfter


class AcknowledgementLinks:
    """The links of one acknowledger: it reports what is here and receives GAPs, the EOS, and the start."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], config: ChildConfig) -> None:
        self.rejected = 0
        self._context = context
        self._identity = link_identity(config.stage, config.replica, config.incarnation, config.nonce)
        self._stage = config.stage
        self._incarnation = config.incarnation
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._said: dict[str, tuple[Acknowledgement, float]] = {}
        for source, endpoint in config.acknowledgement_endpoints.items():
            self.connect(source, endpoint)

    def connect(self, source: str, endpoint: str) -> None:
        self._sockets[source] = connect_dealer(self._context, endpoint, self._identity)

    def disconnect(self, source: str) -> None:
        self._sockets.pop(source).close()
        self._said.pop(source, None)

    @property
    def sockets(self) -> list[zmq.Socket[bytes]]:
        return list(self._sockets.values())

    def receive(self, ready: Collection[object] | None = None) -> list[tuple[str, SourceMessage]]:
        """Return the sources' messages as (source, message). ready: the sockets with something to read;
        None: check all.
        """
        told: list[tuple[str, SourceMessage]] = []
        for source, socket in self._sockets.items():
            if ready is not None and socket not in ready:
                continue
            for message in receive_all(socket):
                try:
                    told.append((source, _told(codec.unpack(message[-1]))))
                except WireError:
                    self.rejected += 1
        return told

    def say(self, source: str, have: Acknowledgement, now_s: float) -> None:
        """Report to a source what is here: on change, and again every REPEAT_S."""
        said, said_at_s = self._said.get(source, (None, 0.0))
        if have == said and now_s - said_at_s < REPEAT_S:
            return
        message = codec.pack(
            {
                "sink": self._stage,
                "incarnation": self._incarnation,
                "committed": have.committed,
                "received": list(have.received),
                "ended": have.ended,
            }
        )
        if try_send(self._sockets[source], [message]):
            self._said[source] = (have, now_s)

    def close(self) -> None:
        for socket in self._sockets.values():
            socket.close()


def _told(said: dict[str, object]) -> SourceMessage:
    kind = codec.field(said, "kind", str)
    if kind == "gap":
        return codec.packet_from(codec.field(said, "packet", dict))
    if kind == "start":
        return StartAfter(codec.field(said, "after_seq", int, -1))
    if kind == "eos":
        return End(
            last_seq=codec.field(said, "last_seq", int, -1),
            cause=codec.field(said, "cause", str),
            dropped=codec.ranges(said),
        )
    raise WireError(f"unknown kind '{kind}'")
