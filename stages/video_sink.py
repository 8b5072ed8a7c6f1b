"""video_sink: the annotated film, H.264 in MP4, MKV or MOV, in one file or in timed segments."""

import dataclasses
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.findings import people_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.privacy.require import KeepsPictures, require_prop
from fashion_pipeline.stages.recording.fragments import TICKS_PER_S
from fashion_pipeline.stages.recording.segment_names import SegmentNames, check_places, has_places
from framegraph.errors import GraphError
from framegraph.files import CutFile
from framegraph.packet import Packet
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import Cut, FileSink

ENDINGS = (".mp4", ".mkv", ".mov", ".m4v")


class VideoSink(KeepsPictures, FileSink["VideoSink.Options"]):
    """Draw what was found on each frame and write the film.

    During the run the film is MP4 with one fragment per frame, whatever its extension: committed frames can
    be played, even after a kill. At the end it becomes one plain file in the format of the extension, with
    the sound of the input film if it has any. Non-square pixels stay as they are, and the film declares them.

    With `segment` there are many files, each starting at time 0 and without sound. A new picture size begins
    a new one; without `segment` such pictures are fitted into the first one's size.
    """

    location_places = ("source", "time", "index")
    payload = BGR

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(
            REQUIRED,
            "The film, .mp4, .mkv or .mov; {source} in it stands for the name of the source. With segment "
            "its name contains {time}, when the segment's first frame was captured, or {index}, or both.",
        )
        segment: Seconds = prop(0.0, "Begin a new file after this much film; 0: one file.", low=0)
        max_files: int = prop(
            0,
            "Segments to keep; the oldest are removed, including those of earlier runs; 0: all.",
            low=0,
            high=10**6,
        )
        codec: str = prop(
            "libx264", "FFmpeg's name for an H.264 encoder.", pattern=r"libx264|libopenh264|h264_.*"
        )
        crf: int = prop(23, "Quality, 0 (best) to 51; 18 to 28 is usual.", low=0, high=51)
        preset: str = prop(
            "veryfast",
            "Encoder effort: faster is larger.",
            choices=["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"],
        )
        require: str = require_prop()

    _encoder: Any = None
    _file: CutFile | None = None
    _segments: Any = None

    @classmethod
    def check(cls, options: Options) -> None:
        path = Path(options.location)
        if path.suffix.lower() not in ENDINGS:
            raise GraphError(
                f"location '{options.location}' ends in '{path.suffix}', and this sink writes "
                f"{', '.join(ENDINGS)}; choose one of these endings, e.g. {path.with_suffix('.mp4')}"
            )
        check_places(options.location, "segment", "60s", is_set=bool(options.segment))
        if options.max_files and not options.segment:
            raise GraphError("max-files counts segments, but segment is not set; set it, e.g. segment: 60s")

    def open_at(self, location: Path, cut: Cut | None) -> None:
        from fashion_pipeline.stages.drawing.fitting import drawn_frame
        from fashion_pipeline.stages.recording.encoder import FilmEncoder

        self._drawn_frame, self._new_encoder = drawn_frame, FilmEncoder
        self.close()
        self._location = location
        self._notes: dict[str, Any] = cut.notes if cut else {}
        self._remarks: list[str] = []
        self.has_many_files = bool(self.options.segment)
        if self.options.segment:
            self._open_segments(cut)
            return
        # An earlier process may have died just after it put the joined film in place.
        if cut and location.exists() and location.stat().st_ino != self._notes["inode"]:
            return
        self._file = CutFile(location, cut)
        self._notes = {**self._notes, "inode": self._file.inode}

    def is_in_place(self) -> bool:
        if self._file is None:
            return True
        return self._segments.is_in_place(self._file) if self._segments else self._file.is_in_place()

    def _open_segments(self, cut: Cut | None) -> None:
        from fashion_pipeline.stages.recording.segments import Segments

        if self._segments is None:
            self._segments = Segments(self._location, max_files=self.options.max_files, log=self.log)
        self._file = self._segments.open(cut)

    def process(self, packet: Packet) -> Packet:
        if self.options.segment and self._needs_new_segment(packet):
            file, self._notes = self._segments.begin(self._notes, packet)
            self.close()
            self._file = file
        self._start(packet)
        size_w, size_h = self._notes["size_wh"]
        image_bgr = self._drawn_frame(
            packet.image_bgr,
            people_in(packet.meta),
            packet.status,
            people_wh=packet.size_wh,
            size_wh=(size_w, size_h),
        )
        self._write(image_bgr, packet)
        return packet

    def _needs_new_segment(self, packet: Packet) -> bool:
        if self._file is None:
            return True
        is_over = packet.running_ns - self._notes["start_ns"] >= round(self.options.segment * 1e9)
        is_same_kind = (_even_wh(packet), list(packet.pixel_aspect_ratio)) == (
            self._notes["size_wh"],
            self._notes["pixels"],
        )
        return is_over or not is_same_kind

    def _start(self, packet: Packet) -> None:
        """Open the encoder with the first frame; a successor opens it exactly as the first process did."""
        if self._encoder is not None:
            return
        if "size_wh" not in self._notes:
            self._notes |= {
                "size_wh": _even_wh(packet),
                "pixels": list(packet.pixel_aspect_ratio),
                "uri": packet.uri,
                "origin_ns": packet.pts_ns - packet.running_ns,
                "first_epoch": packet.epoch,
                "fragments": 0,
                "ticks": -1,
            }
        size_w, size_h = self._notes["size_wh"]
        self._encoder = self._new_encoder(
            self.options.codec,
            size_wh=(size_w, size_h),
            pixel_aspect_ratio=self._notes["pixels"],
            crf=self.options.crf,
            preset=self.options.preset,
            threads=self.context.threads,
        )
        if self._notes["fragments"] == 0:
            assert self._file is not None
            self._file.write(self._encoder.head)

    def _write(self, image_bgr: Any, packet: Packet) -> None:
        since_ns = packet.running_ns - self._notes.get("start_ns", 0)
        ticks = max(since_ns * TICKS_PER_S // 10**9, self._notes["ticks"] + 1)
        duration = packet.duration_ns * TICKS_PER_S // 10**9 or TICKS_PER_S // 25
        number = self._notes["fragments"] + 1
        assert self._file is not None
        self._file.write(self._encoder.fragment(image_bgr, number, ticks, duration))
        self._notes |= {
            "fragments": number,
            "ticks": ticks,
            "last_epoch": packet.epoch,
            "last_duration": duration,
        }

    def position(self) -> Cut:
        notes = dict(self._notes)
        if self._segments is not None:
            notes["unjoined"] = self._segments.unjoined(notes)
            return Cut(size_bytes=self._file.size_bytes if self._file is not None else 0, notes=notes)
        size_bytes = self._file.size_bytes if self._file is not None else self._location.stat().st_size
        return Cut(size_bytes=size_bytes, notes=notes)

    def committed(self) -> None:
        if self._segments is not None:
            self._segments.committed(self._notes)

    def sync(self) -> None:
        if self._file is not None:
            self._file.sync()

    @classmethod
    def count(cls, location: Path) -> int:
        if has_places(location):
            return sum(_count_pictures(segment) for segment in SegmentNames(location).on_disk())
        return _count_pictures(location)

    def finish(self) -> None:
        from fashion_pipeline.stages.recording.join import join, remarks_on

        if self._segments is not None:
            self._remarks = self._segments.finish(self._notes)
            self.close()
            return
        if "size_wh" not in self._notes:
            self._remarks = [f"{self._location.name}: no frame came"]
            return
        is_one_film = self._notes["first_epoch"] == self._notes["last_epoch"]
        uri = self._notes["uri"] if is_one_film else ""
        complete = remarks_on if self._file is None else join
        self._remarks = complete(self._location, uri, self._notes["origin_ns"])
        self.close()

    def remarks(self) -> list[str]:
        return self._remarks

    def close(self) -> None:
        self._encoder = None
        if self._file is not None:
            self._file.close()
            self._file = None


def _even_wh(packet: Packet) -> list[int]:
    """Return width and height of the picture, rounded up to even: H.264 in 4:2:0 allows no odd ones."""
    height, width = packet.image_bgr.shape[:2]
    return [width + width % 2, height + height % 2]


def _count_pictures(film: Path) -> int:
    import av

    with av.open(str(film)) as container:
        times = [frame.pts or 0 for frame in container.decode(video=0)]
    if times != sorted(set(times)):
        raise ValueError(f"{film}: pictures are duplicated or out of order")
    return len(times)
