"""Addresses other than plain RTSP and HTTP: each that is taken is one that FFmpeg has here; most of them play."""

import contextlib
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from fashion_pipeline.stages.media.uri import STREAM_SCHEMES
from framegraph.errors import GraphError, StageError
from tests.cameras.http_cameras import transport_stream
from tests.cameras.serving import RtspServer
from tests.cameras.test_streams import ENCODED, PASSWORD, make_source, play
from tests.certificates import make_certificate

DATAGRAM_BYTES = 7 * 188


@pytest.mark.parametrize(
    "address", ["udp://127.0.0.1:{port}", "udp://239.255.0.{low}:{port}", "rtp://127.0.0.1:{port}"]
)
def test_a_stream_that_is_sent_to_us_plays(address: str) -> None:
    """Over UDP, by multicast too, and as RTP: whoever sends does not know whether anybody listens."""
    port = 20_000 + os.getpid() % 10_000 * 2
    uri = address.format(port=port, low=1 + os.getpid() % 250)
    where = (uri.partition("://")[2].partition(":")[0], port)
    stream = transport_stream("libx264", (64, 48), range(20))
    is_over = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            number = 0
            while not is_over.is_set():
                for at in range(0, len(stream), DATAGRAM_BYTES):
                    # RTP version 2, payload type 33 (MPEG-TS), RFC 3551.
                    head = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, number * 900, 7)
                    data = stream[at : at + DATAGRAM_BYTES]
                    sender.sendto(head + data if uri.startswith("rtp:") else data, where)
                    number += 1
                    time.sleep(0.002)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        local = "" if where[0].startswith("127.") else "?localaddr=127.0.0.1"
        frames = play(uri + local, 5)
    finally:
        is_over.set()
        sending.join()
    assert {frame.image_bgr.shape for frame in frames} == {(48, 64, 3)}


def test_a_stream_over_tcp_plays() -> None:
    stream = transport_stream("libx264", (64, 48), range(20))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                connection.sendall(stream)

        threading.Thread(target=serve, daemon=True).start()
        frames = play(f"tcp://127.0.0.1:{server.getsockname()[1]}", 5)
    assert {frame.image_bgr.shape for frame in frames} == {(48, 64, 3)}


def test_rtsp_over_tls_plays(tmp_path: Path) -> None:
    with RtspServer("--tls", str(certificate(tmp_path)), "--auth", "basic", password=PASSWORD) as server:
        uri = server.url(user=f"user:{ENCODED}").replace("rtsp://", "rtsps://")
        frames = play(uri, 5)
    assert {frame.image_bgr.shape for frame in frames} == {(240, 320, 3)}


def certificate(folder: Path) -> Path:
    """A self-made certificate with its key, as cameras have them."""
    made = make_certificate(folder, "made")
    both = folder / "camera.pem"
    both.write_bytes(made.read_bytes() + made.with_suffix(".key").read_bytes())
    return both


@pytest.mark.parametrize("scheme", sorted(STREAM_SCHEMES - {"v4l2"}))
def test_every_scheme_that_is_taken_is_one_that_ffmpeg_has_here(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_source(f"{scheme}://127.0.0.1:1/x", **{"retry-timeout": 0.01, "open-timeout": 0.2})
    with contextlib.suppress(StageError):
        next(source.frames(None))
    assert "Protocol not found" not in caplog.text


def test_a_scheme_that_ffmpeg_lacks_here_is_refused() -> None:
    with pytest.raises(
        GraphError, match="'srt://' is not known; give a path, a glob, file:// or one of http"
    ):
        make_source("srt://127.0.0.1:1")
