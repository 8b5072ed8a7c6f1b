"""A lane whose output takes transactions: several frames and the position are committed together."""

import time
from typing import Any

from framegraph.delivery.output import OutputLane
from framegraph.packet import Packet
from framegraph.support.progress import Progress
from framegraph.transactions import TransactionalSink
from framegraph.wire.config import ChildConfig


class TransactionLane(OutputLane[TransactionalSink[Any]]):
    """Writes frames into the open transaction and commits them by number and by time.

    Until then they are kept here, so that they can be written again into a new transaction; to the source
    they are received and not committed, so it keeps their pixels.
    """

    def __init__(self, config: ChildConfig, source: str, sink: TransactionalSink[Any]) -> None:
        self._written: list[Packet] = []
        self._commit_due_s = float("inf")
        super().__init__(config, source, sink)

    def _open(self) -> int:
        last_seq = self._begin()
        if last_seq is not None:
            return last_seq
        self.sink.commit(self._fields())
        return -1

    def _begin(self) -> int | None:
        """Begin a transaction and take over what is on record; return its last frame, None: nothing is."""
        position = self.sink.begin()
        if position is None:
            return None
        last_seq = self._continue_from(Progress(**position))
        self.tally.expect(self._config.summed.get(self.source, ()))
        return last_seq

    @property
    def received(self) -> tuple[int, ...]:
        return (*(packet.seq for packet in self._written), *super().received)

    def start_after(self, seq: int) -> bool:
        return self.committed_seq >= seq

    def commit_due_s(self) -> float:
        return self._commit_due_s

    def write(self, packet: Packet) -> None:
        if self.needs_going_back:
            self.go_back()
        if packet.seq > self.committed_seq:
            self._put(packet)
            self.skip(packet)

    def skip(self, packet: Packet) -> None:
        if not self._written:
            self._commit_due_s = time.monotonic() + self.sink.commit_after_s
        self._written.append(packet)
        if len(self._written) >= self.sink.commit_frames:
            try:
                self.commit()
            except BaseException:
                # Whoever called still has it, and will bring it again.
                self._written.pop()
                raise

    def commit(self) -> None:
        if self.needs_going_back:
            self.go_back()
        self._record()

    def _record(self) -> None:
        for packet in self._written:
            self._count(packet)
        self.sink.commit(self._fields())
        self._is_over(self._last["seq"])

    def _is_over(self, seq: int) -> None:
        """Forget the frames up to this one, which are committed."""
        self.committed_seq = seq
        self._written = [packet for packet in self._written if packet.seq > seq]
        if not self._written:
            self._commit_due_s = float("inf")

    def go_back(self) -> None:
        """Begin anew where the output is, and write again what it lacks. A commit whose answer was lost may
        have been carried out, or not: only the output knows."""
        last_seq = self._begin()
        self._is_over(-1 if last_seq is None else last_seq)
        for packet in self._written:
            self._put(packet)
        super().go_back()

    def finish(self) -> None:
        if self.needs_going_back:
            self.go_back()
        if not self.is_finished:
            super().finish()

    def describe(self) -> str:
        return self.sink.describe()
