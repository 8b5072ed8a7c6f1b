"""One source on real streams: RTSP over TCP and UDP with each kind of login, MJPEG over HTTP, webcams."""

import contextlib
import itertools
import logging
import threading
import time

import cv2
import numpy as np
import pytest

from runtime.properties import read_options
from runtime.stage import Context, Frame, Resume
from stages.source import FilmSource
from tests.cameras.serving import RtspServer, mjpeg_camera

PASSWORD = "ge:h/eim%20 x"
ENCODED = "ge%3Ah%2Feim%2520%20x"


def make_source(uri: str, **properties: object) -> FilmSource:
    options = read_options(FilmSource.Options, {"uri": uri, **properties})
    FilmSource.check(options)
    source = FilmSource(options, Context(name="camera"))
    source.open()
    return source


def play(uri: str, count: int, resume: Resume | None = None, **properties: object) -> list[Frame]:
    return list(itertools.islice(make_source(uri, **properties).frames(resume), count))


def jpeg(number: int, size_wh: tuple[int, int]) -> bytes:
    image = np.random.default_rng(number).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


@pytest.mark.parametrize(("auth", "protocol"), [("digest", "tcp"), ("basic", "udp")])
def test_rtsp_plays(auth: str, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with RtspServer("--auth", auth, password=PASSWORD) as serving:
        frames = play(serving.url(user=f"user:{ENCODED}"), 12, protocols=protocol)
    assert {frame.image_bgr.shape for frame in frames} == {(240, 320, 3)}
    times = [frame.running_ns for frame in frames]
    assert all(one < other for one, other in itertools.pairwise(times))
    assert "DISCONT" in frames[0].flags
    assert {frame.uri for frame in frames} == {serving.url()}
    assert "running: 320x240 h264" in caplog.text
    assert PASSWORD not in caplog.text
    assert ENCODED not in caplog.text


def test_mjpeg_over_http_plays_and_each_size_is_a_segment_of_its_own() -> None:
    pictures = [jpeg(number, (64, 48)) for number in range(4)] + [jpeg(9, (96, 80)) for _ in range(4)]
    with mjpeg_camera(pictures, pause_s=0.05) as uri:
        frames = play(uri, 12, **{"retry-delay": 0.05})
    sizes = [frame.image_bgr.shape[:2] for frame in frames]
    changes = [at for at in range(1, 12) if sizes[at] != sizes[at - 1]]
    assert len(changes) >= 2
    assert [frame.epoch for frame in frames] == sorted(frame.epoch for frame in frames)
    for at in changes:
        assert frames[at].epoch > frames[at - 1].epoch
        assert "DISCONT" in frames[at].flags
    # Such a stream has no time stamps: a picture is when it came.
    assert 0.3 < (frames[7].running_ns - frames[0].running_ns) / 1e9 < 5


def test_a_frozen_camera_is_stalled_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    still = [jpeg(1, (64, 48))] * 40
    with mjpeg_camera(still, pause_s=0.05) as uri:
        source = make_source(uri, **{"stalled-after": 0.5})
        frames = list(itertools.islice(source.frames(None), 30))
        health = source.health
    assert len(frames) == 30  # it is told, not cut off: what is frozen may also be a quiet night
    assert health is not None
    assert (health.state, health.cause) == ("stalled", "the picture is frozen")
    assert health.outage_s > 0.3
    assert "stalled: the picture is frozen" in caplog.text


def test_a_webcam_that_is_not_there_is_not_found(caplog: pytest.LogCaptureFixture) -> None:
    source = make_source("/dev/video97", **{"retry-delay": 0.05, "retry-timeout": 0.2})
    with contextlib.suppress(Exception):
        next(source.frames(None))
    assert "/dev/video97: retrying: not found (No such file or directory); attempt 1" in caplog.text


def test_health_can_be_read_while_it_connects() -> None:
    source = make_source("rtsp://127.0.0.1:1/x", **{"retry-delay": 5, "max-retry-delay": 5})
    frames = source.frames(None)
    threading.Thread(target=lambda: next(frames, None), daemon=True).start()
    deadline_s = time.monotonic() + 10
    while source.health is None or source.health.state != "retrying":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert source.health.cause == "refused"
    assert 0 < source.health.next_try_s <= 6
