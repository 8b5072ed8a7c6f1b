"""Cameras over HTTP that show each who connects what a test wants: MJPEG, and transport streams of any coding."""

import contextlib
import http.server
import io
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

Show = Callable[[int], Iterable[bytes]]
"""Given the number of a connection, from 0, what it is sent, at the pace at which it is yielded."""


@contextlib.contextmanager
def http_camera(content_type: str, show: Show) -> Iterator[str]:
    """The address of a camera that sends each connection what `show` yields, and then hangs up."""
    numbers = itertools.count()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            with contextlib.suppress(OSError):
                for data in show(next(numbers)):
                    self.wfile.write(data)

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/video"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.socket.close()


@contextlib.contextmanager
def mjpeg_camera(jpegs: Callable[[int], Iterable[bytes]], pause_s: float) -> Iterator[str]:
    """An MJPEG camera over HTTP: plays `jpegs(connection)` to each who connects, then hangs up."""

    def show(connection: int) -> Iterator[bytes]:
        for jpeg in jpegs(connection):
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"
            time.sleep(pause_s)

    with http_camera("multipart/x-mixed-replace; boundary=frame", show) as uri:
        yield uri


def transport_stream(
    codec: str, size_wh: tuple[int, int], frames: Sequence[int], *, pid: int = 0x100
) -> bytes:
    """Noise as an MPEG transport stream, 10 frames a second with the numbers given, a key frame each fifth.
    `pid`: the number of the picture stream in it."""
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts", options={"mpegts_start_pid": str(pid)}) as container:
        stream = container.add_stream(codec, rate=10, options={"g": "5", "bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for number in frames:
            noise = np.random.default_rng(number).integers(0, 255, (*size_wh[::-1], 3), dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(noise, format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return file.getvalue()
