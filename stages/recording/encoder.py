"""H.264 encoding of one film, frame by frame: each picture gives its fragment at once."""

import io
from fractions import Fraction
from typing import Any

import av

from runtime.errors import StageError
from runtime.packet import Image
from stages.recording.fragments import fragment, with_lengths

TICKS_PER_S = 90_000
"""Of the film's clock: all common frame rates are whole numbers of it (29.97: 3003)."""


def encoder_options(codec: str, *, crf: int, preset: str) -> dict[str, str]:
    """Return FFmpeg's options of an encoder. Without look-ahead and B-frames each picture gives its packet at
    once.
    """
    options = {"crf": str(crf), "preset": preset, "tune": "zerolatency"}
    if (codec, preset) == ("libx264", "veryfast"):
        # Without P8x8 partitions: a quarter less work for 1 to 4 % more bytes (docs/speed.md).
        options["x264-params"] = "partitions=i8x8,i4x4"
    return options


class FilmEncoder:
    """Encodes pictures of one size. `head` is what a film file begins with."""

    def __init__(self, codec: str, *, size_wh: tuple[int, int], crf: int, preset: str, threads: int) -> None:
        head = io.BytesIO()
        # Kept: the encoder lives in it. It writes only the head of the file, into memory.
        self._container = av.open(
            head, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof"}
        )
        try:
            stream: Any = self._container.add_stream(codec, rate=25)
        except Exception as error:
            raise StageError(f"codec '{codec}' cannot be used here: {error}; try libx264") from None
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
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
            format="yuv420p", src_colorspace="ITU601", dst_colorspace="ITU601", threads=self._threads
        )
        frame.pts = ticks
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise StageError(f"encoder '{self._codec}' holds frames back; use libx264")
        encoded = packets[0]
        return fragment(number, ticks, duration, with_lengths(bytes(encoded)), encoded.is_keyframe)
