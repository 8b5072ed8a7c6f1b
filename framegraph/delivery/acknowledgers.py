"""A source's end of the acknowledgement links: what sinks and ordered stages have, and what they are told."""

from __future__ import annotations

import dataclasses
from typing import Any

import zmq

from framegraph.delivery.order import End
from framegraph.errors import WireError
from framegraph.packet import Packet
from framegraph.wire import codec
from framegraph.wire.sockets import bind_router, is_of_run, receive_all, try_send

TELL_AGAIN_S = 0.25
"""How often a GAP or the EOS is said again to one that has not said to have it."""


@dataclasses.dataclass(frozen=True)
class ReceivedAcknowledgement:
    """What one acknowledger says it has, in absolute terms."""

    name: str
    incarnation: int
    committed: int
    received: list[int]
    ended: bool


class Acknowledgers:
    """The sinks and ordered stages that have to commit a source's frames."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, names: list[str], nonce: str = ""
    ) -> None:
        self.socket = bind_router(context, endpoint)
        self.rejected = 0
        self._nonce = nonce
        self._names = set(names)
        self._identity: dict[str, bytes] = {}
        self._ended: set[str] = set()
        self._told_at_s: dict[str, float] = {}

    @property
    def known(self) -> list[str]:
        """Those that have been heard of, so that they can be told something."""
        return list(self._identity)

    @property
    def have_all_ended(self) -> bool:
        """Whether each has completed its output."""
        return self._ended >= self._names

    def remove(self, name: str) -> None:
        """Wait no more for one that will not come back."""
        self._names.discard(name)
        self._identity.pop(name, None)

    def receive(self) -> list[ReceivedAcknowledgement]:
        """Return the last word of each process that has said something: it holds without those before it."""
        heard: dict[tuple[str, int], ReceivedAcknowledgement] = {}
        for message in receive_all(self.socket):
            try:
                if not is_of_run(message[0], self._nonce):
                    raise WireError("a stranger")
                said = codec.unpack(message[-1])
                name = codec.field(said, "sink", str)
                if name not in self._names:
                    raise WireError(f"'{name}' does not commit frames of this source")
                one = ReceivedAcknowledgement(
                    name,
                    codec.field(said, "incarnation", int, 0),
                    codec.field(said, "committed", int, -1),
                    codec.int_list(said, "received"),
                    codec.field(said, "ended", bool),
                )
            except WireError:
                self.rejected += 1
                continue
            self._identity[name] = message[0]
            if one.ended:
                self._ended.add(name)
            heard[one.name, one.incarnation] = one
        return list(heard.values())

    def tell_start(self, name: str, after_seq: int) -> None:
        self._tell(name, {"kind": "start", "after_seq": after_seq})

    def tell_gaps(self, name: str, packets: list[Packet], now_s: float) -> None:
        if packets and self._may_tell(name, now_s):
            for packet in packets:
                self._tell(name, {"kind": "gap", "packet": codec.packet_fields(packet)})

    def tell_end(self, end: End, now_s: float) -> None:
        """Say the EOS to each that has not ended yet."""
        dropped = [list(each) for each in end.dropped]
        for name in self._identity:
            if name not in self._ended and self._may_tell(name, now_s):
                self._tell(
                    name, {"kind": "eos", "last_seq": end.last_seq, "cause": end.cause, "dropped": dropped}
                )

    def tell_at_once(self) -> None:
        """There is something new to say: do not wait for the next repetition."""
        self._told_at_s.clear()

    def _may_tell(self, name: str, now_s: float) -> bool:
        if now_s - self._told_at_s.get(name, float("-inf")) < TELL_AGAIN_S:
            return False
        self._told_at_s[name] = now_s
        return True

    def _tell(self, name: str, message: dict[str, Any]) -> None:
        try_send(self.socket, [self._identity[name], codec.pack(message)])

    def close(self) -> None:
        self.socket.close()
