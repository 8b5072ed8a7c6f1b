"""A file sink that begins a new file after a given time or size, and keeps a given number of files."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, TypeVar

from fashion_pipeline.stages.recording.segment_names import check_places
from framegraph.errors import GraphError
from framegraph.files import CutFileSink
from framegraph.packet import Packet
from framegraph.properties import REQUIRED, parse_bytes, parse_seconds, prop
from framegraph.stage import Cut

NS_PER_S = 1_000_000_000
RotatedOptionsT = TypeVar("RotatedOptionsT", bound="RotatedSink.Options")


class RotatedSink(CutFileSink[RotatedOptionsT]):
    """A CutFileSink with the properties `rotate` and `keep`. Call `begin` before writing for a packet;
    `write_head` writes the head of each file."""

    location_places = ("source", "time", "index")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(
            REQUIRED,
            "The file; {source} in it stands for the name of the source. With rotate its name has {time} in "
            "it, when the file's first frame was captured (UTC), or {index}, or both.",
        )
        rotate: str = prop(
            "", "Begin a new file after this time, e.g. 1h, or size, e.g. 100MB; empty: one file."
        )
        keep: int = prop(
            0,
            "Files to keep with rotate; the oldest are removed, including those of earlier runs; 0: all.",
            low=0,
            high=10**6,
        )

    _segments: Any = None
    _notes: dict[str, Any]
    _is_headed = False

    @classmethod
    def check(cls, options: Options) -> None:
        if options.rotate:
            limit_of(options.rotate)
        check_places(options.location, "rotate", "1h", is_set=bool(options.rotate))
        if options.keep and not options.rotate:
            raise GraphError("keep counts files, but rotate is not set; set it, e.g. rotate: 1h")

    def open_at(self, location: Path, cut: Cut | None) -> None:
        self._notes = cut.notes if cut else {}
        self._is_headed = cut is not None and cut.size_bytes > 0
        self.has_many_files = bool(self.options.rotate)
        if not self.options.rotate:
            super().open_at(location, cut)
            return
        from fashion_pipeline.stages.recording.segments import Segments

        self.close()
        self._limit_s, self._limit_bytes = limit_of(self.options.rotate)
        if self._segments is None:
            self._segments = Segments(
                location, max_files=self.options.keep, log=self.log, is_joined_later=False
            )
        self._file = self._segments.open(cut)

    def is_in_place(self) -> bool:
        if self._segments is None or self._file is None:
            return super().is_in_place()
        return bool(self._segments.is_in_place(self._file))

    def begin(self, packet: Packet) -> None:
        """Begin a new file with this packet, if it is time."""
        if self._segments is not None and self._is_due(packet):
            if not packet.capture_time_ns:  # it stands for drops at the end of a stream
                packet.capture_time_ns = time.time_ns()
            file, self._notes = self._segments.begin(self._notes, packet)
            self.close()
            self._file, self._is_headed = file, False
        if not self._is_headed:
            self._is_headed = True
            self.write_head()

    def write_head(self) -> None:
        """Write what each file begins with."""

    def _is_due(self, packet: Packet) -> bool:
        if self._file is None:
            return True
        is_old = self._limit_s and packet.running_ns - self._notes["start_ns"] >= self._limit_s * NS_PER_S
        return bool(is_old or (self._limit_bytes and self._file.size_bytes >= self._limit_bytes))

    def position(self) -> Cut:
        if self._segments is None:
            return super().position()
        return Cut(size_bytes=self._file.size_bytes if self._file is not None else 0, notes=self._notes)

    def sync(self) -> None:
        if self._file is not None:
            self._file.sync()

    def committed(self) -> None:
        if self._segments is not None:
            self._segments.committed(self._notes)

    def finish(self) -> None:
        if self._segments is not None:
            self._segments.committed(self._notes)

    def remarks(self) -> list[str]:
        if self._segments is None:
            return []
        last = self._notes.get("name", "")
        return [f"{self._notes.get('segments', 0)} files{f'; the last is {last}' if last else ''}"]


def limit_of(rotate: str) -> tuple[float, int]:
    """Return (seconds, 0) or (0, bytes) for a text such as "1h" or "100MB"; GraphError for anything else."""
    try:
        seconds = 0.0 if rotate.strip().replace(".", "").isdecimal() else parse_seconds(rotate)
    except ValueError:
        seconds = 0.0
    if seconds > 0:
        return seconds, 0
    try:
        size_bytes = 0 if rotate.strip().replace(".", "").isdecimal() else parse_bytes(rotate)
    except ValueError:
        size_bytes = 0
    if size_bytes <= 0:
        raise GraphError(f"rotate: expected a time such as 1h or a size such as 100MB, got '{rotate}'")
    return 0.0, size_bytes
