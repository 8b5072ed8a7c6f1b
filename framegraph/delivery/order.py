"""Decisions that put one source's packets in order, each once: no clock, socket or file."""

from __future__ import annotations

import dataclasses

from framegraph.packet import Packet


@dataclasses.dataclass(frozen=True, kw_only=True)
class End:
    """The end of a stream: the last seq that was sent (-1: none), why it ended, and drops after it."""

    last_seq: int
    cause: str
    dropped: tuple[tuple[int, int, str], ...] = ()


class Order:
    """Hold packets until their turn. Each names its predecessor, so a hole is either a drop or a wait.

    The source bounds what is held: it has no more frames out than its frame store has slots.
    """

    def __init__(self, last_seq: int = -1) -> None:
        self.last_seq = last_seq
        self.end: End | None = None
        self._by_prev: dict[int, Packet] = {}

    def offer(self, packet: Packet) -> bool:
        """Add a packet; False when this frame is already here or has passed."""
        if packet.seq <= self.last_seq or packet.prev_seq in self._by_prev:
            return False
        self._by_prev[packet.prev_seq] = packet
        return True

    def take(self) -> Packet | None:
        """Return the next packet in order, or None while it is missing."""
        packet = self._by_prev.pop(self.last_seq, None)
        if packet is not None:
            self.last_seq = packet.seq
        return packet

    def put_aside(self, packet: Packet) -> None:
        """Undo `take` for a packet that could not be used; the source resends it."""
        self.last_seq = packet.prev_seq

    def replace(self, packet: Packet) -> None:
        """Put a GAP in the place of the packet of the same frame."""
        self._by_prev[packet.prev_seq] = packet

    def put_back(self, packet: Packet) -> None:
        """Undo `take` for a packet that must wait: it stays the next one."""
        self.last_seq = packet.prev_seq
        self._by_prev[packet.prev_seq] = packet

    def start_after(self, seq: int) -> None:
        """Expect nothing up to `seq`: it was committed by an earlier process of this sink."""
        self.last_seq = max(self.last_seq, seq)
        self._by_prev = {prev: packet for prev, packet in self._by_prev.items() if prev >= self.last_seq}

    @property
    def held(self) -> list[int]:
        """Seqs that wait for their turn."""
        return sorted(packet.seq for packet in self._by_prev.values())

    @property
    def is_at_end(self) -> bool:
        return self.end is not None and self.last_seq >= self.end.last_seq
