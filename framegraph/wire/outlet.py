"""The sending end of a link: a ROUTER that sends packets only to peers that have granted credit for them.

Credit is absolute and repeated: "I have packet n of your process i, send up to m". The next message makes up
for a lost one, a slow replica never hoards, a new one is fed at once.
"""

import dataclasses
import re
import struct
from collections import OrderedDict
from collections.abc import Iterable

import zmq

from framegraph.errors import WireError
from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.sockets import bind_router, is_of_run, receive_all, try_send

MAGIC = b"LNK2"
"""The beginning of every message on a link, with the version."""
LINK_HEAD = struct.Struct("<4sQQ")
"""The head before each packet, in its first frame: MAGIC, the sender's incarnation, and the number of this
packet to this peer. Alone, it identifies us to a peer, or tells a leaving one that nothing comes after this
number."""
CREDIT = struct.Struct("<4sqqq?")
"""A peer's credit: MAGIC, the incarnation of ours that it knows (-1: none), the number of the last packet
that it has, the number up to which it accepts more, and whether it is leaving. Fixed, because it is sent for
each packet."""
_PEER = re.compile(rb"(.+)\.([0-9]{1,9})#([0-9]{1,18})(?:#[0-9a-f]+)?")
"""The identity of an inlet's socket: STAGE.REPLICA#INCARNATION."""
FORGIVE_AFTER_S = 1.0
"""If a peer reports fewer packets than were sent, this long after the last one, the rest are lost."""


@dataclasses.dataclass(frozen=True)
class Consumer:
    """A stage behind an outlet; each source goes to a fixed replica of an ordered one.

    For a leaky one at most `max_size_buffers` packets wait, and the oldest is dropped; 0: all wait.
    """

    stage: str
    is_ordered: bool = False
    replicas: int = 1
    max_size_buffers: int = 0


@dataclasses.dataclass
class _Peer:
    identity: bytes
    stage: str
    replica: int
    incarnation: int
    sent: int = 0
    received: int = 0
    may_be_sent: int = 0
    sent_at_s: float = 0.0

    @property
    def place(self) -> tuple[str, int]:
        return self.stage, self.replica

    @property
    def free(self) -> int:
        return self.may_be_sent - self.sent


Key = tuple[str, int]
Frames = list[bytes | memoryview]


class Outlet:
    """The packets waiting to be sent downstream, per consuming stage; at most one copy of a frame, the
    newest."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        incarnation: int,
        consumers: Iterable[Consumer],
        nonce: str = "",
    ) -> None:
        self.socket = bind_router(context, endpoint)
        self.rejected = 0
        self.bytes_sent = 0
        self.packets_sent = 0
        self._incarnation = incarnation
        self._nonce = nonce
        self._consumers = {consumer.stage: consumer for consumer in consumers}
        self._queues: dict[str, OrderedDict[Key, Frames]] = {
            stage: OrderedDict() for stage in self._consumers
        }
        self._peers: dict[bytes, _Peer] = {}
        self._floors: dict[str, int] = {}
        self._buried: dict[tuple[str, int], int] = {}

    @property
    def waiting(self) -> int:
        """The number of waiting packets, without those for leaky consumers."""
        return max(
            (
                len(queue)
                for stage, queue in self._queues.items()
                if not self._consumers[stage].max_size_buffers
            ),
            default=0,
        )

    @property
    def has_delivered(self) -> bool:
        """Whether nothing waits here, and each peer has reported having all that was sent to it."""
        return not self.waiting and all(
            peer.received >= peer.sent
            for peer in self._peers.values()
            if not self._consumers[peer.stage].max_size_buffers
        )

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        """The sockets to poll: credit matters only while a packet waits for it, else it is read in
        passing."""
        return [self.socket] if any(self._queues.values()) else []

    def put(self, packet: Packet, frames: Frames) -> None:
        """Queue an encoded packet for each consuming stage, in place of an older copy of the same frame, and
        before later frames of its source: after a fault everything waits for the oldest."""
        self._floors[packet.source] = max(packet.floor_seq, self._floors.get(packet.source, 0))
        for stage, queue in self._queues.items():
            queue[packet.key] = frames
            for key in [key for key in queue if key[0] == packet.source and key[1] > packet.seq]:
                queue.move_to_end(key)
            limit = self._consumers[stage].max_size_buffers
            while limit and len(queue) > limit:
                queue.popitem(last=False)

    def discard(self, key: Key) -> None:
        """Forget a frame that was given up."""
        for queue in self._queues.values():
            queue.pop(key, None)

    def forget(self, source: str) -> None:
        """Send nothing more of a source that has left the run."""
        for queue in self._queues.values():
            for key in [key for key in queue if key[0] == source]:
                del queue[key]
        self._floors.pop(source, None)

    def relink(self, consumers: Iterable[Consumer]) -> None:
        """Apply new numbers of replicas; those beyond have left and will send nothing more."""
        self._consumers = {consumer.stage: consumer for consumer in consumers}
        for peer in list(self._peers.values()):
            if peer.replica >= self._consumers[peer.stage].replicas:
                del self._peers[peer.identity]

    def remove_peer(self, stage: str, replica: int, incarnation: int) -> None:
        """Forget a process that has ended: the socket may not have noticed yet, and what is sent to it would
        be lost."""
        self._buried[stage, replica] = incarnation
        for peer in list(self._peers.values()):
            if self._is_buried(peer):
                del self._peers[peer.identity]

    def _is_buried(self, peer: _Peer) -> bool:
        return peer.incarnation <= self._buried.get(peer.place, -1)

    def receive(self, now_s: float) -> None:
        """Read the peers' credit."""
        for message in receive_all(self.socket):
            try:
                self._credit(message, now_s)
            except WireError:
                self.rejected += 1

    def _credit(self, message: list[bytes], now_s: float) -> None:
        if len(message) != 2 or len(message[1]) != CREDIT.size:
            raise WireError(f"credit is one frame of {CREDIT.size} bytes")
        identity = message[0]
        if not is_of_run(identity, self._nonce):
            raise WireError("a stranger")
        magic, incarnation, received, upto, is_leaving = CREDIT.unpack(message[1])
        if magic != MAGIC or not 0 <= received <= upto <= codec.MAX_SEQ:
            raise WireError("credit of another version or out of range")
        peer = self._peers.get(identity) or self._stranger(identity)
        if self._is_buried(peer):
            return
        if incarnation != self._incarnation:
            # It knows an earlier process of ours, or none: identify ourselves; its count starts at 0.
            self._peers.pop(identity, None)
            try_send(self.socket, [identity, LINK_HEAD.pack(MAGIC, self._incarnation, 0)])
            return
        if identity not in self._peers:
            self._meet(peer)
        if received < peer.sent and now_s - peer.sent_at_s > FORGIVE_AFTER_S:
            peer.sent = received
        # What it has was sent, even if an old message read late implied otherwise.
        peer.sent = max(peer.sent, received)
        peer.received = received
        peer.may_be_sent = upto
        if is_leaving:
            # After all packets to it, so when it reads this it has them all.
            peer.may_be_sent = peer.sent
            try_send(self.socket, [identity, LINK_HEAD.pack(MAGIC, self._incarnation, peer.sent)])

    def _stranger(self, identity: bytes) -> _Peer:
        known = _PEER.fullmatch(identity)
        stage = known[1].decode(errors="replace") if known else ""
        if known is None or stage not in self._consumers:
            raise WireError(f"credit of {identity!r}, which is not linked here")
        return _Peer(identity, stage, int(known[2]), int(known[3]))

    def _meet(self, peer: _Peer) -> None:
        """Replace the old process of a replica by the new one."""
        for known in list(self._peers.values()):
            if known.place == peer.place:
                del self._peers[known.identity]
        self._peers[peer.identity] = peer

    def pump(self, now_s: float) -> list[Key]:
        """Send what credit allows; return the frames sent to consumers that are not leaky."""
        left = []
        for stage, queue in self._queues.items():
            for key in list(queue):
                if key[1] < self._floors.get(key[0], 0):
                    del queue[key]
                    continue
                peer = self._choose(stage, key[0])
                if peer is None:
                    if self._consumers[stage].is_ordered:
                        continue
                    break
                if self._send(peer, queue[key], now_s):
                    del queue[key]
                    if not self._consumers[stage].max_size_buffers:
                        left.append(key)
        return left

    def _choose(self, stage: str, source: str) -> _Peer | None:
        consumer = self._consumers[stage]
        peers = [peer for peer in self._peers.values() if peer.stage == stage and peer.free > 0]
        if consumer.is_ordered:
            mine = dealt_replica(source, consumer.replicas)
            peers = [peer for peer in peers if peer.replica == mine]
        return max(peers, key=lambda peer: peer.free, default=None)

    def _send(self, peer: _Peer, frames: Frames, now_s: float) -> bool:
        head = LINK_HEAD.pack(MAGIC, self._incarnation, peer.sent + 1) + frames[0]
        if not try_send(self.socket, [peer.identity, head, *frames[1:]]):
            # Gone, or its pipe is full: its next credit, or its successor's, resumes sending.
            del self._peers[peer.identity]
            return False
        peer.sent += 1
        peer.sent_at_s = now_s
        self.packets_sent += 1
        self.bytes_sent += sum(map(len, frames))
        return True

    def close(self) -> None:
        self.socket.close()


def dealt_replica(source: str, replicas: int) -> int:
    """Return the replica of an ordered stage that has this source: the same in every process."""
    return sum(source.encode()) % replicas
