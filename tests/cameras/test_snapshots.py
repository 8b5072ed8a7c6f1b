"""Cameras that give one picture at a time: their address is asked again and again, as `rate` says."""

import contextlib
import http.server
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import cv2
import numpy as np
import pytest

from framegraph.stage import Frame
from tests.cameras.film_server import listening
from tests.cameras.test_streams import jpeg, make_source
from tests.launching import wait_for

RATE = 20
STEP_NS = 1_000_000_000 // RATE
SIZE_WH = (64, 48)


@contextlib.contextmanager
def snapshots(
    path: str,
    *,
    content_type: str = "image/jpeg",
    coded: Callable[[int], bytes] = lambda number: jpeg(number, SIZE_WH),
    has_length: bool = True,
    is_away: Callable[[int], bool] = lambda _number: False,
) -> Iterator[tuple[str, list[int]]]:
    """The address of a camera that answers the n-th request, from 0, with `coded(n)`; and all requests.

    `is_away`: to this request it has no answer.
    """
    numbers: list[int] = []
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with lock:
                number = len(numbers)
                numbers.append(number)
            data = b"" if is_away(number) else coded(number)
            self.send_response(HTTPStatus.OK if data else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Type", content_type)
            if has_length:
                self.send_header("Content-Length", str(len(data)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    with listening(Handler) as address:
        yield f"{address}/{path}", numbers


def png(number: int) -> bytes:
    image = np.random.default_rng(number).integers(0, 255, (SIZE_WH[1], SIZE_WH[0], 3), dtype=np.uint8)
    return bytes(cv2.imencode(".png", image)[1])


def assert_pictures_of_a_camera(frames: list[Frame]) -> None:
    """They must be different ones, each later than the one before, all of one epoch."""
    assert len({frame.image_bgr.tobytes() for frame in frames}) == len(frames)
    assert {frame.image_bgr.shape for frame in frames} == {(SIZE_WH[1], SIZE_WH[0], 3)}
    assert all(one.running_ns < other.running_ns for one, other in itertools.pairwise(frames))
    assert {frame.epoch for frame in frames} == {0}
    assert [frame.flags for frame in frames] == [("LIVE", "DISCONT")] + (len(frames) - 1) * [("LIVE",)]


@pytest.mark.parametrize(
    ("path", "content_type", "coded"),
    [
        ("snap.jpg", "image/jpeg", lambda number: jpeg(number, SIZE_WH)),
        ("cgi-bin/snapshot", "image/jpeg", lambda number: jpeg(number, SIZE_WH)),
        ("snap.jpg?channel=1", "image/jpeg", lambda number: jpeg(number, SIZE_WH)),
        ("snap.png", "image/png", png),
    ],
    ids=["jpg", "no ending", "query", "png"],
)
def test_an_address_that_gives_one_picture_is_asked_for_the_next_one(
    path: str, content_type: str, coded: Callable[[int], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with snapshots(path, content_type=content_type, coded=coded) as (uri, numbers):
        source = make_source(uri, rate=RATE)
        assert source.is_live(source.options)
        frames = list(itertools.islice(source.frames(None), 8))
        assert len(numbers) == len(frames)
    assert_pictures_of_a_camera(frames)
    assert source.plays_live is True
    assert source.health is not None
    assert (source.health.state, source.health.failures) == ("running", 0)
    assert f"{uri}: retrying" not in caplog.text
    assert caplog.text.count("running: 64x48") == 1


@pytest.mark.parametrize("path", ["cgi-bin/snapshot", "snap.jpg", "cam/SNAP.JPEG"])
def test_a_picture_without_a_length_is_one_too(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with snapshots(path, has_length=False) as (uri, _numbers):
        frames = list(itertools.islice(make_source(uri, rate=RATE).frames(None), 5))
    assert_pictures_of_a_camera(frames)
    assert f"{uri}: retrying" not in caplog.text


def test_it_is_asked_no_more_often_than_rate_says() -> None:
    with snapshots("snap.jpg") as (uri, _numbers):
        began_s = time.monotonic()
        frames = list(itertools.islice(make_source(uri, rate=RATE).frames(None), 8))
        took_s = time.monotonic() - began_s
    # However slow the machine is, it is not quicker than that.
    assert took_s >= 7 / RATE
    assert frames[-1].running_ns - frames[0].running_ns >= 6 * STEP_NS


def test_the_pause_between_two_pictures_is_no_silence() -> None:
    with snapshots("snap.jpg") as (uri, _numbers):
        # A stream would count as silent after half of this.
        source = make_source(uri, rate=1, **{"restart-timeout": 0.2})
        frames = source.frames(None)
        next(frames)
        until_s = time.monotonic() + 0.3
        states = set()

        def has_passed() -> bool:
            assert source.health is not None
            states.add(source.health.state)
            return time.monotonic() > until_s

        wait_for(has_passed, "end of the pause")
    assert states == {"running"}


def test_a_camera_that_is_away_between_two_pictures_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with snapshots("snap.jpg", is_away=lambda number: 3 <= number < 5) as (uri, _numbers):
        source = make_source(uri, rate=RATE, **{"retry-delay": 0.05, "max-retry-delay": 0.1})
        frames = list(itertools.islice(source.frames(None), 7))
    assert len({frame.image_bgr.tobytes() for frame in frames}) == 7
    assert all(one.running_ns < other.running_ns for one, other in itertools.pairwise(frames))
    said = [record.message for record in caplog.records if record.message.startswith(uri)]
    states = [message.removeprefix(f"{uri}: ").partition(":")[0] for message in said]
    assert states == ["running", "retrying", "retrying", "running"]


def test_one_picture_that_is_said_not_to_be_live_is_a_film_of_one_frame() -> None:
    with snapshots("snap.jpg") as (uri, _numbers):
        source = make_source(uri, live="no")
        frames = list(source.frames(None))
    assert len(frames) == 1
    assert source.plays_live is False
