"""GStreamer decodes and encodes; detection and classification stand between its appsink and its appsrc.

Its Python bindings are Debian's (python3-gi, gir1.2-gst-plugins-base-1.0, gstreamer1.0-plugins-good, -ugly
and -libav); without them, or without a decoder for the film, it exits with status 3 and says why.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.loops.parts import CRF, Film, Finder, Namer, arguments

DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
NOT_HERE = 3
FIRST_FRAME_S = 20
LAST_FRAME_S = 60


class NotHereError(Exception):
    """Something of GStreamer that is not installed."""


def main() -> int:
    # First, because OpenVINO loads no model once GStreamer's plugins have loaded their libraries.
    finder, namer = Finder(), Namer()
    try:
        gst = find_gstreamer()
        film, output = arguments()
        gst.init(None)
        reader = Reader(gst, film)
    except NotHereError as error:
        print(error, file=sys.stderr)
        return NOT_HERE
    out = Encoded(gst, output, reader.width, reader.height)
    for image_bgr in reader.frames():
        people = finder.find(image_bgr)
        namer.name(image_bgr, people)
        out.draw(image_bgr, people)
    out.close()
    for pipeline in (reader.pipeline, out.pipeline):
        pipeline.set_state(gst.State.NULL)
    return 0


def find_gstreamer() -> Any:
    """Return the module `Gst`. Raises NotHereError if the bindings are not installed."""
    # Behind everything else, so that only what is nowhere else is taken from there.
    sys.path.append(DEBIAN_PACKAGES)
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401
    except (ImportError, ValueError) as error:
        raise NotHereError(f"GStreamer's Python bindings are not installed: {error}") from error
    return Gst


class Reader:
    """GStreamer decodes a film. Raises NotHereError if it has no element or no decoder for it."""

    def __init__(self, gst: Any, film: str) -> None:
        try:
            self.pipeline = gst.parse_launch(
                f'filesrc location="{film}" ! decodebin ! videoconvert ! video/x-raw,format=BGR ! '
                "appsink name=sink sync=false max-buffers=8"
            )
        except Exception as error:
            raise NotHereError(f"GStreamer lacks an element: {error}") from error
        self._sink = self.pipeline.get_by_name("sink")
        self.pipeline.set_state(gst.State.PLAYING)
        # Without a decoder no frame and no end comes.
        self._first = self._sink.emit("try-pull-sample", FIRST_FRAME_S * gst.SECOND)
        if self._first is None:
            message = self.pipeline.get_bus().pop_filtered(gst.MessageType.ERROR)
            reason = message.parse_error()[0].message if message else "no frame came"
            self.pipeline.set_state(gst.State.NULL)
            raise NotHereError(f"GStreamer cannot decode the film: {reason}")
        caps = self._first.get_caps()  # kept: its structure is a part of it
        self.width, self.height = (caps.get_structure(0).get_value(name) for name in ("width", "height"))

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, BGR uint8 H x W x 3."""
        sample = self._first
        while sample is not None:
            yield self._to_bgr(sample.get_buffer())
            sample = self._sink.emit("pull-sample")

    def _to_bgr(self, buffer: Any) -> np.ndarray:
        rows = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(self.height, -1)
        # Each row is filled up to a multiple of four bytes.
        return rows[:, : 3 * self.width].reshape(self.height, self.width, 3)


class Encoded(Film):
    """Draws and counts as the others do; GStreamer encodes."""

    def __init__(self, gst: Any, output: str, width: int, height: int) -> None:
        self.frames = self.people = 0
        self._first_s = self._last_s = 0.0
        self._gst = gst
        self.pipeline = gst.parse_launch(
            f"appsrc name=source format=time block=true max-buffers=8 caps=video/x-raw,format=BGR,"
            f"width={width},height={height},framerate=10/1 ! videoconvert n-threads=1 ! x264enc "
            f"speed-preset=veryfast tune=zerolatency pass=quant quantizer={CRF} threads=1 "
            f'option-string=partitions=i8x8,i4x4 ! mp4mux ! filesink location="{output}"'
        )
        self._source = self.pipeline.get_by_name("source")
        self.pipeline.set_state(gst.State.PLAYING)

    def _encode(self, image_bgr: np.ndarray) -> None:
        buffer = self._gst.Buffer.new_wrapped(image_bgr.tobytes())
        buffer.pts = self.frames * self._gst.SECOND // 10
        buffer.duration = self._gst.SECOND // 10
        self._source.emit("push-buffer", buffer)

    def _finish(self) -> None:
        self._source.emit("end-of-stream")
        kinds = self._gst.MessageType.EOS | self._gst.MessageType.ERROR
        end = self.pipeline.get_bus().timed_pop_filtered(LAST_FRAME_S * self._gst.SECOND, kinds)
        if end is None or end.type == self._gst.MessageType.ERROR:
            reason = end.parse_error() if end else "no end of stream"
            raise RuntimeError(f"the film was not completed: {reason}")


if __name__ == "__main__":
    sys.exit(main())
