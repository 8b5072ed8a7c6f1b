"""The frame store: frames written into slots, sent, dropped or released, with their ledger."""

import math
import time

import numpy as np

from framegraph.errors import StageError
from framegraph.frames import layout
from framegraph.frames.frame_packet import flag_bits, frame_packet, shape_of
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ledger import Ledger, read_ledger
from framegraph.frames.outcomes import counter_of, status_of
from framegraph.frames.ranges import DroppedRange, changes, merged, ranges_of, told_words
from framegraph.packet import Packet
from framegraph.stage import Frame, Resume
from framegraph.wire.codec import excess


class FrameStore:
    """The frames that a source owns. Slots are looked up by seq; every change is a transaction.

    `stages` are those at which a frame can fail; their order is the order of the counters. `stream` is
    the source's number in the run.
    """

    def __init__(self, file: FrameStoreFile, source: str, stages: tuple[str, ...], stream: int = 0) -> None:
        self._file = file
        self._source = source
        self._stages = stages
        self._stream = stream
        self._slot_of: dict[int, int] = {}
        # Copies of the table for frequent look-ups: seqs in order, as they are captured and sent.
        self._waiting: dict[int, None] = {}
        self._out: dict[int, None] = {}
        self._free: list[int] = []
        self._reserved_bytes = [0] * file.slots
        for slot in range(file.slots):
            if file.word(slot, layout.S_STATE) == layout.FREE:
                self._free.append(slot)
            else:
                self._slot_of[file.word(slot, layout.S_SEQ)] = slot
        for seq in sorted(self._slot_of):
            is_out = file.word(self._slot_of[seq], layout.S_STATE) == layout.OUT
            (self._out if is_out else self._waiting)[seq] = None

    @property
    def slots(self) -> int:
        return self._file.slots

    @property
    def in_store(self) -> int:
        """The number of frames without an outcome."""
        return len(self._slot_of)

    @property
    def has_room(self) -> bool:
        return bool(self._free)

    @property
    def resume(self) -> Resume | None:
        """The last captured frame, for a source that continues; None when there was none."""
        words = self._file.words
        has_begin = words[layout.H_HAS_BEGIN] != 0
        if words[layout.H_CAPTURED] == 0 and not has_begin:
            return None
        return Resume(
            captured=words[layout.H_CAPTURED],
            epoch=words[layout.H_LAST_EPOCH],
            pts_ns=words[layout.H_LAST_PTS],
            running_ns=words[layout.H_LAST_RUNNING],
            capture_time_ns=words[layout.H_LAST_TIME],
            outage_s=words[layout.H_OUTAGE_MS] / 1000,
            begin_ns=words[layout.H_BEGIN] if has_begin else None,
        )

    def begin_after(self, last: Resume, seq: int, not_ok: dict[str, int]) -> None:
        """Continue an earlier run, whose frames up to `seq` are done; `not_ok` counts by status those not
        delivered."""
        counters = {layout.H_DELIVERED: last.captured - sum(not_ok.values())}
        for status, count in not_ok.items():
            counters[counter_of(status, self._stages)] = count
        self._file.change(
            [
                (layout.H_CAPTURED, last.captured),
                (layout.H_LAST_SENT, seq),
                (layout.H_LAST_EPOCH, last.epoch),
                (layout.H_LAST_PTS, last.pts_ns),
                (layout.H_LAST_RUNNING, last.running_ns),
                *counters.items(),
            ]
        )

    @property
    def last_sent_seq(self) -> int:
        return self._file.words[layout.H_LAST_SENT]

    @property
    def over_seq(self) -> int:
        """The last frame sent before all that are out: nothing up to it will be resent."""
        oldest = next(iter(self._out), None)
        if oldest is None:
            return self.last_sent_seq
        return self._file.word(self._slot_of[oldest], layout.S_PREV)

    def waiting(self) -> list[int]:
        """Seqs that were captured and not yet sent, oldest first."""
        return list(self._waiting)

    def out(self) -> list[int]:
        """Seqs that were sent and not yet released, oldest first."""
        return list(self._out)

    def reserve(self, slot: int, size_bytes: int) -> None:
        """Ensure, once per slot, that memory is allocated for this many pixels: the cost grows with the
        frame. StageError when there is none left."""
        if size_bytes > self._reserved_bytes[slot]:
            self._file.reserve(slot, size_bytes)
            self._reserved_bytes[slot] = size_bytes

    def capture(self, frame: Frame) -> int:
        """Write a frame into a free slot (there must be one) and return its seq.

        The pixels are complete before the frame exists in the table.
        """
        shape = frame.payload.shape
        if too_much := excess(shape):
            raise StageError(f"{self._source}: a frame of {'x'.join(map(str, shape))} is {too_much}")
        file, slot = self._file, self._free[-1]
        at = file.address(slot, 0)
        # The generation goes up before the first pixel changes, so that a late reader notices.
        file.words[at + layout.S_GENERATION] += 1
        self.reserve(slot, frame.payload.nbytes)
        np.copyto(self._pixels(slot, shape), frame.payload)
        file.set_uri(slot, frame.uri)
        seq = file.words[layout.H_CAPTURED]
        now_ns = time.time_ns()
        is_same_epoch = frame.epoch == file.words[layout.H_LAST_EPOCH]
        for name, value in (
            (layout.S_SEQ, seq),
            (layout.S_PREV, -1),
            (layout.S_EPOCH, frame.epoch),
            (layout.S_PTS, frame.pts_ns),
            (layout.S_RUNNING, frame.running_ns),
            (layout.S_DURATION, frame.duration_ns),
            (layout.S_CAPTURE_TIME, now_ns),
            (layout.S_CLOCK, frame.clock_ns),
            *enumerate((len(shape), *shape), layout.S_SHAPE),
            (layout.S_PIXEL_W, frame.pixel_aspect_ratio[0]),
            (layout.S_PIXEL_H, frame.pixel_aspect_ratio[1]),
            (layout.S_FLAGS, flag_bits(frame.flags)),
            (layout.S_ATTEMPT, 0),
            (layout.S_DEATHS, 0),
            (layout.S_KILLS, 0),
            (layout.S_OUTCOME, layout.H_DELIVERED),
            (layout.S_RANGES, 0),
        ):
            file.words[at + name] = value
        file.change(
            [
                (at + layout.S_STATE, layout.WAITING),
                (layout.H_CAPTURED, seq + 1),
                (layout.H_LAST_EPOCH, frame.epoch),
                (layout.H_LAST_PTS, frame.pts_ns),
                (layout.H_LAST_RUNNING, frame.running_ns),
                (layout.H_LAST_TIME, now_ns),
                (layout.H_OUTAGE_MS, round(frame.outage_s * 1000)),
                # In the next epoch the input starts over.
                (layout.H_HAS_BEGIN, is_same_epoch and file.words[layout.H_HAS_BEGIN]),
            ]
        )
        self._free.pop()
        self._slot_of[seq] = slot
        self._waiting[seq] = None
        return seq

    def send(self, seq: int) -> None:
        """Mark a waiting frame as sent: it gets its place in the chain and the drops before it."""
        file, at = self._file, self._file.address(self._slot_of[seq], 0)
        ranges = told_words(file.words)
        file.change(
            [
                (at + layout.S_STATE, layout.OUT),
                (at + layout.S_PREV, self.last_sent_seq),
                (layout.H_LAST_SENT, seq),
                (layout.H_TOLD, 0),
                *((at + layout.S_RANGES + offset, value) for offset, value in enumerate(ranges)),
            ]
        )
        del self._waiting[seq]
        self._out[seq] = None

    def send_again(self, seq: int) -> None:
        self._add(seq, layout.S_ATTEMPT)

    def count_death(self, seq: int, *, is_kill: bool = False) -> tuple[int, int]:
        """Count the death of a worker that had this frame alone; return the number of deaths, and of kills
        from outside."""
        self._add(seq, layout.S_KILLS if is_kill else layout.S_DEATHS)
        slot = self._slot_of[seq]
        return self._file.word(slot, layout.S_DEATHS), self._file.word(slot, layout.S_KILLS)

    def _add(self, seq: int, name: int) -> None:
        address = self._file.address(self._slot_of[seq], name)
        self._file.change([(address, self._file.words[address] + 1)])

    def give_up(self, seq: int, status: str) -> None:
        """Mark a sent frame as one that will not be analysed: "failed(STAGE)" or "flushed"."""
        self._file.change(
            [(self._file.address(self._slot_of[seq], layout.S_OUTCOME), counter_of(status, self._stages))]
        )

    def status(self, seq: int) -> str:
        """Return "ok", or why the frame will not be analysed."""
        return status_of(self._file.word(self._slot_of[seq], layout.S_OUTCOME), self._stages)

    def drop(self, seq: int, reason: str) -> None:
        """Drop a frame that was not sent yet; the next one sent will report it."""
        file, slot = self._file, self._slot_of.pop(seq)
        index = layout.REASONS.index(reason)
        ranges = merged(self.told(), (seq, seq, index))
        counter = layout.H_DROPPED + index
        file.change(
            [
                (file.address(slot, layout.S_STATE), layout.FREE),
                (counter, file.words[counter] + 1),
                *changes(ranges),
            ]
        )
        del self._waiting[seq]
        self._free.append(slot)

    def leave_out(self, last: Resume) -> tuple[int, int]:
        """Continue from `last`: the frames up to it count as captured and dropped as undecodable; return
        their first seq and the one after them.

        All frames captured before must have been sent: the next frame sent reports the drops.
        """
        assert last.begin_ns is not None
        file, first = self._file, self._file.words[layout.H_CAPTURED]
        index = layout.REASONS.index("undecodable")
        ranges, counter = self.told(), layout.H_DROPPED + index
        if last.captured > first:
            ranges = merged(ranges, (first, last.captured - 1, index))
        file.change(
            [
                (layout.H_CAPTURED, last.captured),
                (counter, file.words[counter] + last.captured - first),
                (layout.H_LAST_EPOCH, last.epoch),
                (layout.H_LAST_PTS, last.pts_ns),
                (layout.H_LAST_RUNNING, last.running_ns),
                (layout.H_HAS_BEGIN, 1),
                (layout.H_BEGIN, last.begin_ns),
                *changes(ranges),
            ]
        )
        return first, last.captured

    def told(self) -> list[DroppedRange]:
        """Dropped ranges (from, to, reason index) that no sent frame has reported yet."""
        return ranges_of(told_words(self._file.words))

    def release(self, seq: int) -> str:
        """Count the outcome of a frame that every sink has committed, free its slot, return its status."""
        status = self.status(seq)
        file, slot = self._file, self._slot_of.pop(seq)
        counter = file.word(slot, layout.S_OUTCOME)
        file.change([(file.address(slot, layout.S_STATE), layout.FREE), (counter, file.words[counter] + 1)])
        del self._out[seq]
        self._free.append(slot)
        return status

    def packet(self, seq: int, floor_seq: int) -> Packet:
        """Return the packet of a frame, as it would be sent now."""
        slot = self._slot_of[seq]
        return frame_packet(
            self._file,
            slot,
            source=self._source,
            stream=self._stream,
            status=self.status(seq),
            floor_seq=floor_seq,
        )

    def pixels(self, seq: int) -> np.ndarray:
        """Return the payload of a frame in the frame store, in place."""
        slot = self._slot_of[seq]
        at = self._file.address(slot, 0)
        return self._pixels(slot, shape_of(self._file.words[at : at + layout.SLOT_WORDS].tolist()))

    def _pixels(self, slot: int, shape: tuple[int, ...]) -> np.ndarray:
        count, offset = math.prod(shape), self._file.pixel_offset(slot)
        return np.frombuffer(self._file.mapped, np.uint8, count, offset).reshape(shape)

    def age_s(self, seq: int) -> float:
        """Return the seconds since the frame was captured."""
        captured = self._file.word(self._slot_of[seq], layout.S_CAPTURE_TIME)
        return (time.time_ns() - captured) / 1e9

    def ledger(self) -> Ledger:
        return read_ledger(self._file, self._stages)
