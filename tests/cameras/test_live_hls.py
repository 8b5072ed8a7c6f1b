"""HLS: pictures of a live playlist come by the segment, many at once, and are given on each at its time."""

import contextlib
import http.server
import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from http import HTTPStatus
from pathlib import Path

import av
import numpy as np
import pytest

from tests.cameras.film_server import listening
from tests.cameras.test_streams import make_source
from tests.stages.source_kit import resume_after

FPS = 10
STEP_S = 1 / FPS
OFFERED = 8
"""Segments that stand in the playlist at once."""
BEGINS_BEFORE_END = 3
"""FFmpeg begins so many segments before the playlist's end, as RFC 8216 wants it."""
BITS = 8
SIDE_PX = 16
NOISE_PX = 400


def picture(number: int) -> np.ndarray:
    """A picture that has its number in it, as a row of black and white squares over noise."""
    squares = [255 if number >> bit & 1 else 0 for bit in range(BITS)]
    row = np.repeat(np.array(squares, np.uint8), SIDE_PX)
    noise = np.random.default_rng(number).integers(0, 255, (NOISE_PX, len(row)), dtype=np.uint8)
    return np.dstack([np.vstack([np.tile(row, (2 * SIDE_PX, 1)), noise])] * 3)


def number_in(image_bgr: np.ndarray) -> int:
    middles = image_bgr[SIDE_PX, SIDE_PX // 2 :: SIDE_PX, 0]
    return sum(1 << bit for bit, value in enumerate(middles.tolist()) if value > 127)


def segments(folder: Path, count: int, segment_s: float) -> list[bytes]:
    """A transport stream in so many pieces, each with a key frame in front."""
    gop = round(FPS * segment_s)
    options = {"hls_time": str(segment_s), "hls_list_size": "0", "hls_segment_filename": f"{folder}/%03d.ts"}
    with av.open(f"{folder}/whole.m3u8", "w", format="hls", options=options) as container:
        coding = {"g": str(gop), "bf": "0", "preset": "ultrafast"}
        stream = container.add_stream("libx264", rate=FPS, options=coding)
        stream.height, stream.width, _channels = picture(0).shape
        stream.pix_fmt = "yuv420p"
        for number in range(count * gop):
            frame = av.VideoFrame.from_ndarray(picture(number), "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pieces = [path.read_bytes() for path in sorted(folder.glob("*.ts"))]
    assert len(pieces) == count
    return pieces


@contextlib.contextmanager
def playlist(pieces: Sequence[bytes], segment_s: float, *, has_end: bool = False) -> Iterator[str]:
    """The address of a playlist: of all pieces, with an end, or a live one: as time goes on the oldest piece
    goes, and a new one comes."""
    began_s = time.monotonic()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if name == "list.m3u8":
                self.answer("application/vnd.apple.mpegurl", self.listed().encode())
            else:
                self.answer("video/mp2t", pieces[int(name.removesuffix(".ts"))])

        def listed(self) -> str:
            now = int((time.monotonic() - began_s) / segment_s)
            first = 0 if has_end else min(now, len(pieces) - OFFERED)
            head = [
                "#EXTM3U",
                "#EXT-X-VERSION:3",
                "#EXT-X-TARGETDURATION:1",
                f"#EXT-X-MEDIA-SEQUENCE:{first}",
            ]
            numbers = range(len(pieces)) if has_end else range(first, first + OFFERED)
            listed = [f"#EXTINF:{segment_s:.3f},\n{at}.ts" for at in numbers]
            return "\n".join([*head, *listed, *["#EXT-X-ENDLIST"] * has_end, ""])

        def answer(self, content_type: str, data: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    with listening(Handler) as address:
        yield f"{address}/list.m3u8"


@pytest.mark.parametrize(
    ("segment_s", "count"), [(0.5, 16), pytest.param(1.0, 60, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_pictures_that_come_by_the_segment_are_given_on_each_at_its_time(
    tmp_path: Path, segment_s: float, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pieces = segments(tmp_path, OFFERED + round(count / FPS / segment_s) + 2, segment_s)
    came_s = []
    frames = []
    with playlist(pieces, segment_s) as uri:
        source = make_source(uri)
        assert source.is_live(source.options)
        for frame in itertools.islice(source.frames(None), count):
            came_s.append(time.monotonic())
            frames.append(frame)
        assert source.plays_live is True
        assert source.health is not None
        assert source.health.state == "running"
    per_segment = round(FPS * segment_s)
    numbers = [number_in(frame.image_bgr) for frame in frames]
    # Which segment is the first depends on how long the start took; from there on none is lost or doubled.
    assert numbers[0] % per_segment == 0
    assert numbers[0] >= (OFFERED - BEGINS_BEFORE_END) * per_segment
    assert numbers == list(range(numbers[0], numbers[0] + count))
    assert numbers[-1] >= OFFERED * per_segment, "the playlist had to go on"
    assert source.skipped == {}
    assert f"{uri}: retrying" not in caplog.text
    steps_ns = [other.running_ns - one.running_ns for one, other in itertools.pairwise(frames)]
    assert steps_ns == pytest.approx([STEP_S * 1e9] * (count - 1), abs=1e6)
    waits_s = [
        wait_s
        for number, wait_s in zip(numbers[1:], np.diff(came_s).tolist(), strict=True)
        if number % per_segment
    ]
    # At once they would all be far below; a machine that stands still for a moment makes a few short ones.
    assert sum(wait_s >= STEP_S / 3 for wait_s in waits_s) > len(waits_s) / 2, waits_s
    assert came_s[-1] - came_s[0] > 0.7 * STEP_S * (count - 1)


def test_a_playlist_with_an_end_is_a_film(tmp_path: Path) -> None:
    pieces = segments(tmp_path, 4, 1.0)
    with playlist(pieces, 1.0, has_end=True) as uri:
        source = make_source(uri)
        frames = list(source.frames(None))
        assert source.plays_live is False
        for count in (1, 13, 40):
            rest = list(make_source(uri).frames(resume_after(frames, count)))
            assert [frame.pts_ns for frame in rest] == [frame.pts_ns for frame in frames[count:]]
            assert [number_in(frame.image_bgr) for frame in rest] == list(range(count, 40))
    assert [number_in(frame.image_bgr) for frame in frames] == list(range(40))
    assert [frame.running_ns for frame in frames] == [number * 100_000_000 for number in range(40)]
    assert source.skipped == {}
