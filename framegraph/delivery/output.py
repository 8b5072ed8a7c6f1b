"""One source's lane through a sink: its output and durable progress."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from framegraph.delivery.acknowledging import Acknowledgement
from framegraph.delivery.lane import Lane
from framegraph.delivery.marks import conceal_unmarked
from framegraph.delivery.tally import Tally
from framegraph.errors import StageError
from framegraph.packet import Packet
from framegraph.stage import Cut, FileSink, Sink
from framegraph.support.progress import Progress, ProgressFile
from framegraph.wire.config import ChildConfig

log = logging.getLogger("sink")


class OutputLane(Lane):
    """The writer of one source's packets: in order, with durable progress."""

    def __init__(self, config: ChildConfig, source: str, sink: Sink[Any]) -> None:
        self.source = source
        self.sink = sink
        self.is_finished = False
        self.has_output = True
        self.try_again_s = 0.0
        self.last_write_s = float("inf")
        self.needs_going_back = False
        self.tally = Tally()
        self._config = config
        self._file: ProgressFile | None = None
        self._cut: Cut | None = None
        self._last = {"seq": -1, "epoch": 0, "pts_ns": 0, "running_ns": 0}
        self._highest_ids: dict[str, int] = {}
        self._remarks: list[str] = []
        self.changes: list[str] = []
        """Changes that others have made to the output in the meantime."""
        self._frames_elsewhere = 0
        self._concealed: Packet | None = None
        self._fsync = config.common.fsync
        last_seq = -1
        if isinstance(sink, FileSink):
            self._location = Path(config.locations[source])
            self._file = ProgressFile(self._location)
            last_seq = self._open(sink)
        self.tally.expect(config.summed.get(source, ()))
        super().__init__(last_seq)
        self.committed_seq = last_seq

    def _open(self, sink: FileSink[Any]) -> int:
        """Open the output: continue where a process of this run stopped, else start anew."""
        assert self._file is not None
        known = self._file.read()
        if known is not None and self._is_ours(known):
            self._cut = Cut(size_bytes=known.size_bytes, notes=known.notes)
            self.tally = Tally.from_plain(known.tally)
            self.is_finished = known.is_finished
            self._remarks, self._highest_ids = known.remarks, known.highest_ids
            if not known.is_finished:
                sink.open_at(self._location, self._cut)
            self._last = known.last
            return int(known.last["seq"])
        # Checked before anything is cut: a successor without progress would empty the output.
        is_successor = self._config.incarnation > 0
        if known is None and is_successor and self._location.is_file() and self._location.stat().st_size:
            raise StageError(
                f"{self._file.path} is damaged or gone, so nobody knows how much of {self._location} is "
                "whole; it is left as it is: start the run anew"
            )
        self._file.clear()
        sink.open_at(self._location, None)
        self._write_progress(None)
        return -1

    def _is_ours(self, known: Progress) -> bool:
        return known.run == self._config.run and known.source == self.source

    @property
    def acknowledgement(self) -> Acknowledgement:
        return Acknowledgement(self.committed_seq, self.received, self.is_finished)

    def start_after(self, seq: int) -> bool:
        """Continue after `seq`; False for a file that lacks frames up to there."""
        if isinstance(self.sink, FileSink):
            return self.committed_seq >= seq
        self.committed_seq = max(self.committed_seq, seq)
        return super().start_after(seq)

    def count_received(self, packet: Packet) -> None:
        now = time.time()
        self.tally.received_after.add(now * 1000 - packet.capture_time_ns / 1e6)
        self.tally.first_received_at = self.tally.first_received_at or now
        self.tally.last_received_at = now

    def write(self, packet: Packet) -> None:
        """Write a frame, and the drops before it, then the progress: after this it is committed."""
        if self.needs_going_back:
            self.go_back()
        self._look_after_output()
        for from_seq, to_seq, reason in packet.dropped:
            self.sink.dropped(packet, from_seq, to_seq, reason)
        if conceal_unmarked(self.sink, packet):
            self._concealed = packet
        self.sink.process(packet)
        self._commit(packet)

    def _look_after_output(self) -> None:
        """Continue in a new file if somebody has moved, removed or cut the current one."""
        if isinstance(self.sink, FileSink) and not self.sink.is_in_place():
            self._note_change(self.sink)
            self.sink.open_at(self._location, None)
            # From here on it is only possible to go back within the new file.
            self._cut = self.sink.position()

    def _note_change(self, sink: FileSink[Any]) -> None:
        frames = self.tally.frames - self._frames_elsewhere
        self._frames_elsewhere = self.tally.frames
        done = "was moved, removed or cut by somebody else"
        self.changes.append(
            f"a file of {self._location.name} {done} while it was written"
            if sink.has_many_files
            else f"{self._location.name} {done}: {frames} frames are not in it"
        )
        log.warning("%s", self.changes[-1])

    def skip(self, packet: Packet) -> None:
        """Pass over a frame that could not be written even as a GAP, and count it as failed."""
        self._commit(packet)

    def _commit(self, packet: Packet) -> None:
        # A frame that was written but could not be synced comes again: it was already counted.
        if packet.seq != self._last["seq"]:
            now = time.time()
            self.tally.count(packet)
            self.tally.concealed += packet is self._concealed
            self.tally.committed_after.add(now * 1000 - packet.capture_time_ns / 1e6)
            self.tally.first_committed_at = self.tally.first_committed_at or now
        self._write_progress(packet)

    def _write_progress(self, packet: Packet | None) -> None:
        if packet is not None:
            self._last = {name: getattr(packet, name) for name in ("seq", "epoch", "pts_ns", "running_ns")}
            for stage, highest_id in packet.highest_ids.items():
                self._highest_ids[stage] = max(highest_id, self._highest_ids.get(stage, 0))
        seq = self._last["seq"]
        if self._file is not None:
            assert isinstance(self.sink, FileSink)
            cut = self.sink.position()
            if self._fsync != "never":
                self.sink.sync()
            self._file.write(
                run=self._config.run,
                digest=self._config.digest,
                source=self.source,
                last=self._last,
                size_bytes=cut.size_bytes,
                notes=cut.notes,
                is_finished=self.is_finished,
                end_cause=self.order.end.cause if self.is_finished and self.order.end else "",
                remarks=self._remarks,
                tally=self.tally.to_plain(),
                highest_ids=self._highest_ids,
            )
            # Not before: after a sync that found no room the frame must be undone.
            self._cut = cut
            if self._fsync == "always":
                self._file.sync()
            self.sink.committed()
        self.committed_seq = seq

    def go_back(self) -> None:
        """Undo a half-written frame."""
        if isinstance(self.sink, FileSink):
            self.sink.open_at(self._location, self._cut)
        self.needs_going_back = False

    def finish(self) -> None:
        """Complete the output, durably: everything of this source is written."""
        end = self.order.end
        assert end is not None
        if self.needs_going_back:
            self.go_back()
        self._look_after_output()
        for from_seq, to_seq, reason in end.dropped:
            self.sink.dropped(Packet(source=self.source, seq=to_seq + 1), from_seq, to_seq, reason)
        self.sink.finish()
        self._remarks = self.sink.remarks()
        self.is_finished = True
        try:
            self._write_progress(None)
        except BaseException:
            # Recorded only together with the remarks about the output.
            self.is_finished = False
            raise
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        """Remove an empty output and say why there is none."""
        is_file = isinstance(self.sink, FileSink) and self._location.is_file()
        if is_file and not self.tally.frames and not self._location.stat().st_size:
            self._location.unlink()
            self.has_output = False
            self._remarks = [f"no frame of {self.source} came, so there is no {self._location}"]

    def describe(self) -> str:
        return str(self._location) if isinstance(self.sink, FileSink) else f"the output of {self.source}"

    def summary(self) -> dict[str, Any]:
        """Return this output's entry for the launcher's summary."""
        location = str(self._location) if isinstance(self.sink, FileSink) and self.has_output else ""
        return {
            "location": location,
            "notes": [*self.changes, *self._remarks],
            "tally": self.tally.to_plain(),
            "was_changed": bool(self.changes),
        }

    def close(self) -> None:
        self.sink.close()
        if self._file is not None:
            self._file.close()
