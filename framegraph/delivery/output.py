"""One source's lane through a sink: its output, and how far it is."""

from __future__ import annotations

import time
from typing import Any, Generic, TypeVar

from framegraph.delivery.acknowledging import Acknowledgement
from framegraph.delivery.lane import Lane
from framegraph.delivery.marks import conceal_unmarked
from framegraph.delivery.tally import Tally
from framegraph.packet import Packet
from framegraph.stage import Sink
from framegraph.support.progress import Progress
from framegraph.wire.config import ChildConfig

SinkT = TypeVar("SinkT", bound=Sink[Any])


class OutputLane(Lane, Generic[SinkT]):
    """The writer of one source's packets, in order.

    This one keeps no record: a frame is committed once it is written, and a successor continues with what
    its source sends again. The lanes of sinks that keep one override the methods that mention a record.
    """

    def __init__(self, config: ChildConfig, source: str, sink: SinkT) -> None:
        self.source = source
        self.sink = sink
        self.is_finished = False
        self.try_again_s = 0.0
        self.waiting_state = ""
        """What it waits for while it cannot be written."""
        self.last_write_s = float("inf")
        self.needs_going_back = False
        self.tally = Tally()
        self._config = config
        self._last = {"seq": -1, "epoch": 0, "pts_ns": 0, "running_ns": 0}
        self._highest_ids: dict[str, int] = {}
        self._remarks: list[str] = []
        self._concealed: set[int] = set()
        """Seqs of frames that are written, not yet counted, and had to be concealed."""
        self.is_open = False
        self.committed_seq = -1
        super().__init__()

    def open(self) -> None:
        """Open the output where it was left off. Until then nothing is known of what it has."""
        last_seq = self._open()
        self.tally.expect(self._config.summed.get(self.source, ()))
        self.order.start_after(last_seq)
        self.committed_seq = last_seq
        self.is_open = True

    # What depends on the kind of sink

    def _open(self) -> int:
        """Open the output; return the last frame that it is on record to have, -1: none."""
        return -1

    def _record(self) -> None:
        """Put on record what is in the output."""

    def go_back(self) -> None:
        """Undo what is written and not on record."""
        self.needs_going_back = False

    def start_after(self, seq: int) -> bool:
        """Continue after `seq`; False for an output that lacks frames up to there."""
        self.committed_seq = max(self.committed_seq, seq)
        return super().start_after(seq)

    def commit_due_s(self) -> float:
        """Return the time, by time.monotonic(), when `commit` is to be called; infinite: not at all."""
        return float("inf")

    def commit(self) -> None:
        """Put on record what is written and not yet on record."""

    def describe(self) -> str:
        return f"the output of {self.source}"

    def summary(self) -> dict[str, Any]:
        """Return this output's entry for the launcher's summary."""
        return {
            "location": "",
            "notes": self._remarks,
            "tally": self.tally.to_plain(),
            "was_changed": False,
        }

    # What all share

    @property
    def acknowledgement(self) -> Acknowledgement:
        return Acknowledgement(self.committed_seq, self.received, self.is_finished)

    def count_received(self, packet: Packet) -> None:
        now = time.time()
        self.tally.received_after.add(now * 1000 - packet.capture_time_ns / 1e6)
        self.tally.first_received_at = self.tally.first_received_at or now
        self.tally.last_received_at = now

    def write(self, packet: Packet) -> None:
        """Write a frame, and the drops before it, and commit it."""
        if self.needs_going_back:
            self.go_back()
        self._put(packet)
        self.skip(packet)

    def _put(self, packet: Packet) -> None:
        for from_seq, to_seq, reason in packet.dropped:
            self.sink.dropped(packet, from_seq, to_seq, reason)
        if conceal_unmarked(self.sink, packet):
            self._concealed.add(packet.seq)
        self.sink.process(packet)

    def skip(self, packet: Packet) -> None:
        """Commit a frame; alone: one that could not be written even as a GAP, and counts as failed."""
        self._count(packet)
        self._record()
        self.committed_seq = packet.seq

    def _count(self, packet: Packet) -> None:
        # A frame that was written but could not be synced comes again: it was already counted.
        if packet.seq != self._last["seq"]:
            now = time.time()
            self.tally.count(packet)
            self.tally.concealed += packet.seq in self._concealed
            self.tally.committed_after.add(now * 1000 - packet.capture_time_ns / 1e6)
            self.tally.first_committed_at = self.tally.first_committed_at or now
        self._concealed.discard(packet.seq)
        self._last = {name: getattr(packet, name) for name in ("seq", "epoch", "pts_ns", "running_ns")}
        for stage, highest_id in packet.highest_ids.items():
            self._highest_ids[stage] = max(highest_id, self._highest_ids.get(stage, 0))

    def finish(self) -> None:
        """Complete the output, durably: everything of this source is written."""
        end = self.order.end
        assert end is not None
        if self.needs_going_back:
            self.go_back()
        for from_seq, to_seq, reason in end.dropped:
            self.sink.dropped(Packet(source=self.source, seq=to_seq + 1), from_seq, to_seq, reason)
        self.sink.finish()
        self._remarks = self.sink.remarks()
        self.is_finished = True
        try:
            self._record()
        except BaseException:
            # On record only together with the remarks about the output.
            self.is_finished = False
            raise

    def _continue_from(self, known: Progress) -> int:
        """Take over what is on record; return its last frame."""
        self.tally = Tally.from_plain(known.tally)
        self.is_finished = known.is_finished
        self._remarks, self._highest_ids = known.remarks, known.highest_ids
        self._last = known.last
        return int(known.last["seq"])

    def _fields(self) -> dict[str, Any]:
        """Return what goes on record of any output, by the names of `Progress`."""
        return {
            "run": self._config.run,
            "digest": self._config.digest,
            "source": self.source,
            "last": self._last,
            "is_finished": self.is_finished,
            "end_cause": self.order.end.cause if self.is_finished and self.order.end else "",
            "remarks": self._remarks,
            "tally": self.tally.to_plain(),
            "highest_ids": self._highest_ids,
        }

    def close(self) -> None:
        self.sink.close()
