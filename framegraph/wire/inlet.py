"""The receiving end of links: a DEALER to each upstream process, and the credit granted to it."""

import dataclasses
from collections.abc import Collection, Mapping

import zmq

from framegraph.errors import WireError
from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.outlet import CREDIT, LINK_HEAD, MAGIC
from framegraph.wire.sockets import connect_dealer, link_identity, receive_all, try_send

REPEAT_S = 0.25
"""Interval for repeating unchanged credit: the most that a lost message costs."""

UNLIMITED_CREDIT = 2**40
"""Capacity of a node that restores the order: it must hold what arrives out of order, which the windows
bound."""


@dataclasses.dataclass(frozen=True)
class Arrival:
    """A received packet, the endpoint to return the credit to, and its bytes for a second try."""

    endpoint: str
    packet: Packet
    frames: list[bytes | memoryview]


@dataclasses.dataclass
class _Upstream:
    socket: "zmq.Socket[bytes]"
    incarnation: int = -1
    received: int = 0
    held: int = 0
    weight: int = 1
    has_closed: bool = False
    said: tuple[int, int, int, bool] = (-2, 0, 0, False)
    said_at_s: float = float("-inf")


class Inlet:
    """Packets from all upstream processes of a stage.

    At most `capacity` packets are here in all. While there is room, any upstream may fill it; when there is
    none, one with fewer than its `weight` here may still send up to that number: so each has something here
    when its turn comes, and none fills the inlet for the others. More credit is granted in steps of
    `credit_step` packets, or once an upstream has used up its credit. `streams` maps the names of the
    sources whose packets belong here to their numbers; None: all do.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        *,
        stage: str,
        replica: int,
        incarnation: int,
        capacity: int,
        streams: Mapping[str, int] | None = None,
        nonce: str = "",
    ) -> None:
        self.capacity = capacity
        self.credit_step = 1
        self.streams = streams
        self.rejected = 0
        self.stale = 0
        self.is_leaving = False
        self._context = context
        self._identity = link_identity(stage, replica, incarnation, nonce)
        self._upstreams: dict[str, _Upstream] = {}

    def connect(self, endpoint: str, weight: int = 1) -> None:
        if endpoint not in self._upstreams:
            self._upstreams[endpoint] = _Upstream(connect_dealer(self._context, endpoint, self._identity))
        self._upstreams[endpoint].weight = weight

    def disconnect(self, endpoint: str) -> None:
        self._upstreams.pop(endpoint).socket.close()

    def leave(self) -> None:
        """Accept nothing more; `has_left` is set once each upstream has reported that nothing more comes, or
        is gone."""
        self.is_leaving = True

    @property
    def has_left(self) -> bool:
        return all(upstream.has_closed for upstream in self._upstreams.values())

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return [upstream.socket for upstream in self._upstreams.values()]

    def receive(self, ready: Collection[object] | None = None) -> list[Arrival]:
        """Return the received packets; each counts against its upstream's credit until `done`.

        ready: the sockets with something to read; None: check all.
        """
        arrived = []
        for endpoint, upstream in self._upstreams.items():
            if ready is not None and upstream.socket not in ready:
                continue
            for message in receive_all(upstream.socket):
                try:
                    frames = self._frames(upstream, message)
                    if frames is None:
                        continue
                    packet = codec.decode_packet(frames)
                except WireError:
                    self.rejected += 1
                    continue
                if self.streams is not None and self.streams.get(packet.source) != packet.stream:
                    # In flight when its source left the run, perhaps to come back under the same name.
                    self.stale += 1
                else:
                    upstream.held += 1
                    arrived.append(Arrival(endpoint, packet, frames))
        return arrived

    def _frames(self, upstream: _Upstream, message: list[bytes]) -> list[bytes | memoryview] | None:
        """Return the packet's own frames; None for a message about the link, or from an earlier process."""
        if len(message[0]) < LINK_HEAD.size:
            raise WireError("no link head")
        magic, incarnation, number = LINK_HEAD.unpack_from(message[0])
        if magic != MAGIC:
            raise WireError("no link head, or one of another version")
        if incarnation < upstream.incarnation:
            return None
        if incarnation != upstream.incarnation:
            upstream.incarnation, upstream.received = incarnation, 0
        if len(message) == 1 and len(message[0]) == LINK_HEAD.size:
            upstream.has_closed = self.is_leaving and number == upstream.received
            return None
        upstream.received = number
        return [memoryview(message[0])[LINK_HEAD.size :], *message[1:]]

    def done(self, endpoint: str) -> None:
        """Make room for another packet from this endpoint: one is finished."""
        upstream = self._upstreams.get(endpoint)
        if upstream is not None:
            upstream.held -= 1

    def give_credit(self, now_s: float) -> None:
        """Tell each upstream process how much it may send: on change, and again every REPEAT_S."""
        room = self.capacity - sum(upstream.held for upstream in self._upstreams.values())
        for upstream in self._upstreams.values():
            free = 0 if self.is_leaving else max(0, room, min(self.capacity, upstream.weight) - upstream.held)
            says = (upstream.incarnation, upstream.received, upstream.received + free, self.is_leaving)
            if self.capacity == UNLIMITED_CREDIT and not self.is_leaving:
                # An inlet without a limit announces that once, not with each packet.
                says = (upstream.incarnation, 0, UNLIMITED_CREDIT, False)
            if not self._is_news(upstream, says) and now_s - upstream.said_at_s < REPEAT_S:
                continue
            credit = (upstream.incarnation, upstream.received, says[2], self.is_leaving)
            if try_send(upstream.socket, [CREDIT.pack(MAGIC, *credit)]):
                upstream.said, upstream.said_at_s = says, now_s
            elif self.is_leaving:
                # It has ended, perhaps for good; one that comes back learns that there is no room.
                upstream.has_closed = True

    def _is_news(self, upstream: _Upstream, says: tuple[int, int, int, bool]) -> bool:
        """Return whether an upstream needs this now, and cannot continue on its earlier credit."""
        incarnation, received, upto, is_leaving = says
        said_incarnation, _said_received, said_upto, was_leaving = upstream.said
        if (incarnation, is_leaving) != (said_incarnation, was_leaving) or upto < said_upto:
            return True
        more = upto - said_upto
        return more >= self.credit_step or (more > 0 and received >= said_upto)

    def close(self) -> None:
        for upstream in self._upstreams.values():
            upstream.socket.close()
