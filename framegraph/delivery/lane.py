"""One source's frames at an acknowledger: their order, and the frame that failed here."""

from framegraph.delivery.order import Order
from framegraph.packet import Packet


class Lane:
    """Frames in order, up to one that failed here: nothing passes until the source has made it a GAP."""

    def __init__(self, last_seq: int = -1) -> None:
        self.order = Order(last_seq)
        self.awaits_gap: int | None = None
        """The frame that failed here."""
        self.gap_reason = ""

    @property
    def received(self) -> tuple[int, ...]:
        """Frames that wait for their turn; not the failed one, which the source has to make a GAP."""
        return tuple(seq for seq in self.order.held if seq != self.awaits_gap)

    def take(self) -> Packet | None:
        """Return the packet whose turn it is, or None if it is missing or a GAP is awaited."""
        return self.order.take() if self.awaits_gap is None else None

    def fail(self, packet: Packet, reason: str) -> None:
        """Await the GAP of a packet that was taken and cannot be processed."""
        self.order.put_back(packet)
        self.awaits_gap, self.gap_reason = packet.seq, reason

    def accept_gap(self, gap: Packet) -> bool:
        """Put a GAP in the place of the frame that failed here; False if it belongs to another frame."""
        if gap.seq != self.awaits_gap:
            return False
        self.order.replace(gap)
        self.awaits_gap = None
        return True

    def start_after(self, seq: int) -> bool:
        """Continue after `seq`; False if that is not possible here."""
        self.order.start_after(seq)
        if self.awaits_gap is not None and self.awaits_gap <= seq:
            # Its source counts it as done, so no GAP will come.
            self.awaits_gap = None
        return True
