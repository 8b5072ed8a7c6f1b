"""Decisions about which frame a source sends next, resends or releases.

No clock, socket or file in here: `now_s` comes in, answers go out, so that histories of deliveries,
deaths and delays can be replayed by tests. The store persists; the source's node joins the two.
"""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(kw_only=True)
class _Out:
    """A frame that was sent at least once and not yet committed by every sink."""

    received: set[str] = dataclasses.field(default_factory=set)
    resend_at_s: float = float("inf")
    resend_after_s: float = 0.0
    is_gap: bool = False


class Dispatch:
    """The record of what one source's acknowledgers ("sinks") have received and committed."""

    def __init__(self, *, sinks: Iterable[str], window: int, resend_after_s: float) -> None:
        self.window = window
        self.committed: dict[str, int] = dict.fromkeys(sinks, -1)
        self._incarnation: dict[str, int] = dict.fromkeys(self.committed, -1)
        self._resend_after_s = resend_after_s
        self._out: dict[int, _Out] = {}
        self._again: set[int] = set()
        self._suspects: set[int] = set()
        self._alone: int | None = None

    @property
    def outstanding(self) -> int:
        """Frames sent and not yet received by every sink: what the window limits."""
        everyone = len(self.committed)
        return sum(len(frame.received) < everyone for frame in self._out.values())

    @property
    def has_window(self) -> bool:
        return self.outstanding < self.window

    @property
    def is_empty(self) -> bool:
        return not self._out

    def floor_seq(self, next_seq: int) -> int:
        """The oldest frame not committed by all, or `next_seq` when there is none."""
        return min(self._out, default=next_seq)

    def sent(self, seq: int) -> None:
        """Add a frame handed to the outlet for the first time (or adopted from a dead process)."""
        self._out[seq] = _Out(resend_after_s=self._resend_after_s)

    def left(self, seq: int, now_s: float) -> None:
        """Start a frame's timer: it has left the outlet and may be lost from now on."""
        frame = self._out.get(seq)
        if frame is not None and not frame.is_gap:
            frame.resend_at_s = now_s + frame.resend_after_s
            frame.resend_after_s *= 2

    def record_acknowledgement(
        self, sink: str, incarnation: int, committed: int, received: Iterable[int]
    ) -> list[int]:
        """Apply a sink's absolute report of what it has; return the frames that every sink has committed.

        If a later incarnation has less than an earlier one, the rest died with that one and is resent.
        """
        if sink not in self.committed or incarnation < self._incarnation[sink]:
            return []
        has_died = self._incarnation[sink] not in (-1, incarnation)
        self._incarnation[sink] = incarnation
        self.committed[sink] = max(self.committed[sink], committed)
        holds = set(received)
        everyone = set(self.committed)
        for seq, frame in self._out.items():
            if seq <= self.committed[sink] or seq in holds:
                frame.received.add(sink)
            elif has_died or sink in frame.received:
                frame.received.discard(sink)
                self._again.add(seq)
            if frame.received == everyone:
                frame.resend_at_s = float("inf")
                self._again.discard(seq)
                self._absolve(seq)
        return self._settled()

    def _settled(self) -> list[int]:
        """Remove the frames that every sink has committed, and return them."""
        last = min(self.committed.values(), default=max(self._out, default=-1))
        released = sorted(seq for seq in self._out if seq <= last)
        for seq in released:
            del self._out[seq]
        return released

    def remove(self, sink: str) -> list[int]:
        """Stop waiting for a sink that will not come back; return the frames that are settled without it."""
        self.committed.pop(sink, None)
        for frame in self._out.values():
            frame.received.discard(sink)
        return self._settled()

    def _absolve(self, seq: int) -> None:
        self._suspects.discard(seq)
        if self._alone == seq:
            self._alone = None

    def worker_died(self, suspects: Iterable[int]) -> None:
        """Resend all that is out: some worker is gone with whatever it held.

        `suspects` are the frames it was working on. They come back one at a time; two at once would not show
        which one kills.
        """
        mine = {seq for seq in suspects if seq in self._out and not self._out[seq].is_gap}
        self._suspects |= mine
        if self._alone in mine:
            self._alone = None
        self._again |= {seq for seq, frame in self._out.items() if self._is_missing(frame)}

    def _is_missing(self, frame: _Out) -> bool:
        return not frame.is_gap and len(frame.received) < len(self.committed)

    def was_alone(self, suspects: Iterable[int]) -> int | None:
        """Return the frame to blame for a death, if it was worked on alone."""
        suspects = list(suspects)
        return suspects[0] if len(suspects) == 1 and suspects[0] in self._out else None

    def gave_up(self, seq: int) -> None:
        """Turn a frame that will not be analysed into a GAP on the acknowledgement link."""
        frame = self._out[seq]
        frame.is_gap = True
        frame.resend_at_s = float("inf")
        self._again.discard(seq)
        self._absolve(seq)

    def is_out(self, seq: int) -> bool:
        """Return whether a frame is out as a packet."""
        return seq in self._out and not self._out[seq].is_gap

    def is_missing(self, seq: int) -> bool:
        """Return whether a frame is out as a packet that some sink has not received."""
        return seq in self._out and self._is_missing(self._out[seq])

    @property
    def has_gaps(self) -> bool:
        return any(frame.is_gap for frame in self._out.values())

    def gaps_for(self, sink: str) -> list[int]:
        """Return the GAPs that a sink has not yet acknowledged, oldest first."""
        return sorted(seq for seq, frame in self._out.items() if frame.is_gap and sink not in frame.received)

    def due(self, now_s: float) -> list[tuple[int, bool]]:
        """Return the frames to resend now, oldest first, each with whether it must go alone."""
        for seq, frame in self._out.items():
            if frame.resend_at_s <= now_s:
                frame.resend_at_s = float("inf")
                self._again.add(seq)
        turn = self._turn_of_suspects()
        chosen = []
        for seq in sorted(self._again):
            if not self._is_missing(self._out[seq]):
                self._again.discard(seq)
            elif seq not in self._suspects or seq == turn:
                self._again.discard(seq)
                chosen.append((seq, seq == turn))
        return chosen

    def _turn_of_suspects(self) -> int | None:
        """Return the one suspect that may be out: the oldest, which stages that keep the order wait for."""
        turn = min((seq for seq in self._suspects if self._is_missing(self._out[seq])), default=None)
        if self._alone not in (None, turn) and self._alone in self._suspects:
            self._again.add(self._alone)
        self._alone = turn
        return turn
