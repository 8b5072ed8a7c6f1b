"""The files of one sink on disk, one after another: begun, named once they are committed, thinned out later;
segments of a film are joined too."""

import logging
import os
from pathlib import Path
from typing import Any

from fashion_pipeline.stages.recording.joiner import Joiner
from fashion_pipeline.stages.recording.segment_names import SegmentNames
from framegraph.files import CutFile
from framegraph.packet import Packet
from framegraph.stage import Cut

MAX_UNJOINED = 50
"""Finished segments remembered for a later attempt to join them; older ones stay fragmented."""

Notes = dict[str, Any]


class Segments:
    """What a sink does with files when it writes many; the notes in a progress record say how far.

    A segment has its own name from the moment its first frame is committed. Until then it may have to begin
    anew, perhaps under another name, so it is called BEGUN.
    """

    def __init__(
        self, location: Path, *, max_files: int, log: logging.Logger, is_joined_later: bool = True
    ) -> None:
        self._folder = location.parent
        self._begun = location.with_name(f".{location.name}.begun")
        self._names = SegmentNames(location)
        self._max_files = max_files
        self._log = log
        self._current = ""
        self._has_name = True
        self._kept: set[str] = set()
        """Never removed, whatever the clock says: a successor goes back to one of them."""
        self._joiner = Joiner(self._tidy, log) if is_joined_later else None

    def open(self, cut: Cut | None) -> CutFile | None:
        """Return the segment to continue, truncated; None if the next frame begins one."""
        notes = cut.notes if cut is not None else {}
        self._current, self._has_name = notes.get("name", ""), True
        self._kept = {self._current}
        if not self._current:
            self._begun.unlink(missing_ok=True)
            return None
        segment = self._folder / self._current
        is_ours = self._begun.exists() and self._begun.stat().st_ino == notes["inode"]
        if is_ours and not segment.exists():
            # Its first frame was committed, and then the process died.
            os.rename(self._begun, segment)
        self._begun.unlink(missing_ok=True)
        self._join(notes)
        is_joined = segment.exists() and segment.stat().st_ino != notes["inode"]
        return None if is_joined else CutFile(segment, cut)

    def begin(self, before: Notes, packet: Packet) -> tuple[CutFile, Notes]:
        """Begin a segment with `packet`. The file before must still be open: then the inodes differ."""
        self._begun.unlink(missing_ok=True)
        file = CutFile(self._begun, None)
        unjoined: list[str] = []
        if self._joiner is not None and "name" in before:
            unjoined = [*before["unjoined"], before["name"]]
        self._current, self._has_name = self._names.next_name(packet.capture_time_ns), False
        self._kept = {*self._kept, self._current}
        notes = {
            "name": self._current,
            "inode": file.inode,
            "start_ns": packet.running_ns,
            "segments": before.get("segments", 0) + 1,
            "unjoined": unjoined[-MAX_UNJOINED:],
        }
        return file, notes

    def is_in_place(self, file: CutFile) -> bool:
        """Return whether the segment being written is still in place, and not truncated."""
        return file.is_in_place(self._folder / self._current if self._has_name else self._begun)

    def committed(self, notes: Notes) -> None:
        """The newest segment will not begin anew: give it its name, and have the one before it joined."""
        if self._has_name:
            return
        try:
            os.rename(self._begun, self._folder / self._current)
        except OSError as error:  # tried again with the next frame; a successor does it too
            self._log.warning("cannot name segment %s: %s", self._current, error)
            return
        self._has_name, self._kept = True, {self._current}
        self._join(notes)

    def _join(self, notes: Notes) -> None:
        if self._joiner is None:
            self._tidy()
            return
        for name in notes["unjoined"]:
            self._joiner.submit(self._folder / name)

    def unjoined(self, notes: Notes) -> list[str]:
        """The names of those that are still in fragments."""
        assert self._joiner is not None
        return [name for name in notes.get("unjoined", ()) if self._joiner.is_undone(self._folder / name)]

    def finish(self, notes: Notes) -> list[str]:
        """Join what is left; return remarks. May be called again after an error."""
        assert self._joiner is not None
        self.committed(notes)
        if self._current:
            self._joiner.submit(self._folder / self._current)
        self._joiner.finish()
        last = f"; the last is {self._current}" if self._current else ""
        return [f"{notes.get('segments', 0)} segments, without sound{last}"]

    def _tidy(self) -> None:
        if self._max_files:
            for segment in self._names.surplus(self._max_files, self._kept):
                segment.unlink(missing_ok=True)
