"""A source's end of the acknowledgement links: reports from sinks and ordered stages, and messages to
them."""

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
"""Interval for repeating a GAP or EOS that has not been acknowledged."""


@dataclasses.dataclass(frozen=True)
class ReceivedAcknowledgement:
    """An absolute report of what one acknowledger has."""

    name: str
    incarnation: int
    committed: int
    received: list[int]
    ended: bool


class Acknowledgers:
    """The sinks and ordered stages that must commit a source's frames."""

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
        """Those that have reported, and can therefore be sent messages."""
        return list(self._identity)

    @property
    def have_all_ended(self) -> bool:
        """Whether each has completed its output."""
        return self._ended >= self._names

    def remove(self, name: str) -> None:
        """Stop waiting for one that will not come back."""
        self._names.discard(name)
        self._identity.pop(name, None)

    def receive(self) -> list[ReceivedAcknowledgement]:
        """Return the newest report of each process that has sent one: it replaces those before it."""
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
        self._send_message(name, {"kind": "start", "after_seq": after_seq})

    def tell_gaps(self, name: str, packets: list[Packet], now_s: float) -> None:
        if packets and self._may_tell(name, now_s):
            for packet in packets:
                self._send_message(name, {"kind": "gap", "packet": codec.packet_fields(packet)})

    def tell_end(self, end: End, now_s: float) -> None:
        """Send the EOS to each that has not ended yet."""
        dropped = [list(each) for each in end.dropped]
        for name in self._identity:
            if name not in self._ended and self._may_tell(name, now_s):
                self._send_message(
                    name, {"kind": "eos", "last_seq": end.last_seq, "cause": end.cause, "dropped": dropped}
                )

    def tell_at_once(self) -> None:
        """Send at the next round, without waiting for the next repetition: there is news."""
        self._told_at_s.clear()

    def _may_tell(self, name: str, now_s: float) -> bool:
        if now_s - self._told_at_s.get(name, float("-inf")) < TELL_AGAIN_S:
            return False
        self._told_at_s[name] = now_s
        return True

    def _send_message(self, name: str, message: dict[str, Any]) -> None:
        try_send(self.socket, [self._identity[name], codec.pack(message)])

    def close(self) -> None:
        self.socket.close()
