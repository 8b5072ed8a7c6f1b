"""video_sink: the annotated film, H.264 in MP4."""

import dataclasses
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

from runtime.errors import StageError
from runtime.files import CutFile
from runtime.packet import OK, Packet
from runtime.properties import REQUIRED, prop
from runtime.stage import Cut, FileSink

TICKS_PER_S = 90_000
"""Of the film's clock: all common frame rates are whole numbers of it (29.97: 3003)."""
_DEFAULT_TICKS = TICKS_PER_S // 25


class VideoSink(FileSink):
    """Draw what was found on each frame and write the film.

    While it runs, the film is fragmented by frame: whatever was committed can be played, also after a kill.
    At the end it is joined to one plain file, with the sound of the input film where there is one.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The film; {source} in it stands for the name of the source.")
        codec: str = prop(
            "libx264", "FFmpeg's name of an H.264 encoder.", pattern=r"libx264|libopenh264|h264_.*"
        )
        crf: int = prop(23, "Quality, 0 (best) to 51; 18 to 28 is usual.", low=0, high=51)
        preset: str = prop(
            "veryfast",
            "Encoder effort: faster is larger.",
            choices=["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"],
        )

    _encoder: Any = None
    _file: CutFile | None = None

    def open_at(self, location: Path, cut: Cut | None) -> None:
        self.close()
        self._location = location
        self._notes: dict[str, Any] = cut.notes if cut else {}
        self._remarks: list[str] = []
        # A process of this sink may have died right after it put the joined film in place.
        self._is_joined = bool(cut and location.exists() and location.stat().st_ino != self._notes["inode"])
        if self._is_joined:
            return
        self._file = CutFile(location, cut)
        self._notes = {**self._notes, "inode": self._file.inode}

    def process(self, packet: Packet) -> Packet:
        from stages.media.draw import draw_people, letterbox, mark_not_analysed

        self._start(packet)
        image_bgr = letterbox(packet.image_bgr, tuple(self._notes["size_wh"]))
        if packet.status == OK:
            draw_people(image_bgr, self._moved(packet))
        else:
            mark_not_analysed(image_bgr, packet.status)
        self._write(image_bgr, packet)
        return packet

    def _moved(self, packet: Packet) -> list[dict[str, Any]]:
        """The people with their boxes where `letterbox` has put the picture."""
        width, height = self._notes["size_wh"]
        own_w, own_h = packet.size_wh
        if own_w <= width < own_w + 2 and own_h <= height < own_h + 2:
            return packet.people
        scale = min(width / own_w, height / own_h)
        left, top = (width - own_w * scale) / 2, (height - own_h * scale) / 2
        moved = []
        for person in packet.people:
            x0, y0, x1, y1 = person["box"]
            box = [x0 * scale + left, y0 * scale + top, x1 * scale + left, y1 * scale + top]
            moved.append({**person, "box": box})
        return moved

    def _start(self, packet: Packet) -> None:
        """Open the encoder with the first frame; a successor opens it just as the first process did."""
        if self._encoder is not None:
            return
        import av

        if "size_wh" not in self._notes:
            height, width = packet.image_bgr.shape[:2]
            self._notes |= {
                "size_wh": [width + width % 2, height + height % 2],
                "uri": packet.uri,
                "first_epoch": packet.epoch,
                "fragments": 0,
                "ticks": -1,
            }
        size_w, size_h = self._notes["size_wh"]
        head = io.BytesIO()
        container = av.open(head, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof"})
        try:
            stream: Any = container.add_stream(self.options.codec, rate=25)
        except Exception as error:
            raise StageError(
                f"codec '{self.options.codec}' cannot be used here: {error}; try libx264"
            ) from None
        stream.width, stream.height, stream.pix_fmt = size_w, size_h, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.thread_count = self.context.threads
        # Without look-ahead and B-frames each picture gives its packet at once.
        stream.options = {"crf": str(self.options.crf), "preset": self.options.preset, "tune": "zerolatency"}
        container.start_encoding()
        self._container, self._encoder = container, stream.codec_context
        if self._notes["fragments"] == 0:
            self._file.write(head.getvalue())

    def _write(self, image_bgr: Any, packet: Packet) -> None:
        import av

        from stages.media.fragments import fragment, with_lengths

        ticks = max(packet.running_ns * TICKS_PER_S // 10**9, self._notes["ticks"] + 1)
        duration = packet.duration_ns * TICKS_PER_S // 10**9 or _DEFAULT_TICKS
        frame = av.VideoFrame.from_ndarray(image_bgr, format="bgr24").reformat(
            format="yuv420p", src_colorspace="ITU601", dst_colorspace="ITU601"
        )
        frame.pts = ticks
        packets = self._encoder.encode(frame)
        if len(packets) != 1:
            raise StageError(f"encoder '{self.options.codec}' holds frames back; use libx264")
        number = self._notes["fragments"] + 1
        encoded = packets[0]
        self._file.write(fragment(number, ticks, duration, with_lengths(bytes(encoded)), encoded.is_keyframe))
        self._notes |= {
            "fragments": number,
            "ticks": ticks,
            "last_epoch": packet.epoch,
            "last_duration": duration,
        }

    def position(self) -> Cut:
        size_bytes = self._file.size_bytes if self._file is not None else self._location.stat().st_size
        return Cut(size_bytes=size_bytes, notes=dict(self._notes))

    def sync(self) -> None:
        if self._file is not None:
            self._file.sync()

    @classmethod
    def count(cls, location: Path) -> int:
        import av

        with av.open(str(location)) as film:
            times = [frame.pts for frame in film.decode(video=0)]
        if times != sorted(set(times)):
            raise ValueError(f"{location}: pictures are doubled or out of order")
        return len(times)

    def finish(self) -> None:
        from stages.media.join import join

        if self._file is None:
            return
        if "size_wh" not in self._notes:
            self._remarks = [f"{self._location.name}: no frame came, so the film is empty"]
            return
        is_one_film = self._notes["first_epoch"] == self._notes["last_epoch"]
        self._remarks = join(self._location, self._notes["uri"] if is_one_film else "")
        self._file.close()
        self._file, self._is_joined = None, True

    def remarks(self) -> list[str]:
        return self._remarks

    def close(self) -> None:
        # The encoder and its container wrote only the head of the file, into memory: nothing to complete.
        self._encoder = self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None
