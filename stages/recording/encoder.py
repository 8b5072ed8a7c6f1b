"""H.264 encoding of one film, frame by frame: each picture gives its fragment at once."""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.video.reformatter import ColorRange

from fashion_pipeline.stages.recording.fragments import TICKS_PER_S, fragment, with_lengths
from framegraph.errors import StageError
from framegraph.packet import Image

HD_HEIGHT_PX = 720
BT709, SMPTE170M = 1, 6
"""ITU-T H.273 numbers of colour matrix, primaries and transfer for HD and for standard definition."""


def encoder_options(codec: str, *, crf: int, preset: str) -> dict[str, str]:
    """Return FFmpeg's options for an encoder: without look-ahead and B-frames each picture gives its packet
    at once.
    """
    options = {"crf": str(crf), "preset": preset, "tune": "zerolatency"}
    if (codec, preset) == ("libx264", "veryfast"):
        # Without P8x8 partitions: a quarter less work for 1 to 4 % more bytes (docs/notes/speed.md).
        options["x264-params"] = "partitions=i8x8,i4x4"
    return options


class FilmEncoder:
    """Encodes pictures of one size. `head` is what a film file begins with."""

    def __init__(
        self,
        codec: str,
        *,
        size_wh: tuple[int, int],
        pixel_aspect_ratio: Sequence[int] = (1, 1),
        crf: int,
        preset: str,
        threads: int,
    ) -> None:
        head = io.BytesIO()
        # Kept because it owns the encoder. It writes only the head of the file, into memory.
        self._container = av.open(
            head, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof"}
        )
        try:
            stream: Any = self._container.add_stream(codec, rate=25)
        except Exception as error:
            raise StageError(f"codec '{codec}' cannot be used here: {error}; try libx264") from None
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*pixel_aspect_ratio)
        # Players guess these by size for an untagged film; tagged, nobody has to guess.
        self._matrix = "ITU709" if min(size_wh) >= HD_HEIGHT_PX else "ITU601"
        space = BT709 if self._matrix == "ITU709" else SMPTE170M
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.colorspace = space
        stream.codec_context.color_primaries = space
        stream.codec_context.color_trc = space
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.thread_count = threads
        stream.options = encoder_options(codec, crf=crf, preset=preset)
        self._container.start_encoding()
        self._codec = codec
        self._threads = threads
        self._context = stream.codec_context
        self.head = head.getvalue()

    def fragment(self, image_bgr: Image, number: int, ticks: int, duration: int) -> bytes:
        """Return one picture as the `number`th fragment of the film, from 1; times are in ticks."""
        # In place: it is converted before this returns.
        frame = av.VideoFrame.from_numpy_buffer(image_bgr, format="bgr24").reformat(
            format="yuv420p",
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            threads=self._threads,
        )
        frame.pts = ticks
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise StageError(f"encoder '{self._codec}' holds frames back; use libx264")
        encoded = packets[0]
        return fragment(number, ticks, duration, with_lengths(bytes(encoded)), encoded.is_keyframe)
