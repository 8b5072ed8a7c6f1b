"""GStreamer decodes and encodes; detection and classification stand between its appsink and its appsrc.

Its Python bindings are Debian's (python3-gi, gir1.2-gst-plugins-base-1.0, gstreamer1.0-plugins-good, -ugly
and -libav); without them, or without a decoder for the film, it exits with status 3 and says why.
"""

import sys

import numpy as np

from benchmarks.loops.parts import CRF, Film, Finder, Namer, arguments

DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
NOT_HERE = 3
FIRST_FRAME_S = 20


def main() -> int:
    # First, for OpenVINO loads no model beside libraries that GStreamer's plugins have brought.
    finder, namer = Finder(), Namer()
    # Behind everything else, so that only what is nowhere else is taken from there.
    sys.path.append(DEBIAN_PACKAGES)
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401
    except (ImportError, ValueError) as error:
        print(f"GStreamer's Python bindings are not installed: {error}", file=sys.stderr)
        return NOT_HERE
    film, output = arguments()
    Gst.init(None)
    try:
        reader = Gst.parse_launch(
            f'filesrc location="{film}" ! decodebin ! videoconvert ! video/x-raw,format=BGR ! '
            "appsink name=sink sync=false max-buffers=8"
        )
    except Exception as error:
        print(f"GStreamer lacks an element: {error}", file=sys.stderr)
        return NOT_HERE
    sink = reader.get_by_name("sink")
    reader.set_state(Gst.State.PLAYING)
    # Without a decoder no frame and no end comes.
    first = sink.emit("try-pull-sample", FIRST_FRAME_S * Gst.SECOND)
    if first is None:
        message = reader.get_bus().pop_filtered(Gst.MessageType.ERROR)
        reason = message.parse_error()[0].message if message else "no frame came"
        print(f"GStreamer cannot decode the film: {reason}", file=sys.stderr)
        reader.set_state(Gst.State.NULL)
        return NOT_HERE
    caps = first.get_caps()  # kept: its structure is a part of it
    width, height = (caps.get_structure(0).get_value(name) for name in ("width", "height"))
    writer = Gst.parse_launch(
        f"appsrc name=source format=time block=true max-buffers=8 caps=video/x-raw,format=BGR,width={width},"
        f"height={height},framerate=10/1 ! videoconvert n-threads=1 ! x264enc speed-preset=veryfast "
        f"tune=zerolatency pass=quant quantizer={CRF} threads=1 option-string=partitions=i8x8,i4x4 "
        f'! mp4mux ! filesink location="{output}"'
    )
    source = writer.get_by_name("source")
    writer.set_state(Gst.State.PLAYING)

    class Encoded(Film):
        """Draws and counts as the others do; GStreamer encodes."""

        def __init__(self) -> None:
            self.frames = self.people = 0
            self._first_s = self._last_s = 0.0

        def _encode(self, image_bgr: np.ndarray) -> None:
            buffer = Gst.Buffer.new_wrapped(image_bgr.tobytes())
            buffer.pts = self.frames * Gst.SECOND // 10
            buffer.duration = Gst.SECOND // 10
            source.emit("push-buffer", buffer)

        def _finish(self) -> None:
            source.emit("end-of-stream")
            writer.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)

    out = Encoded()
    sample = first
    while sample is not None:
        buffer = sample.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        stride = len(data) // height
        image_bgr = (
            np.frombuffer(data, np.uint8).reshape(height, stride)[:, : 3 * width].reshape(height, width, 3)
        )
        people = finder.find(image_bgr)
        namer.name(image_bgr, people)
        out.draw(image_bgr, people)
        sample = sink.emit("pull-sample")
    out.close()
    for pipeline in (reader, writer):
        pipeline.set_state(Gst.State.NULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
