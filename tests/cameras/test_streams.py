"""One source on real streams: RTSP with each transport and kind of login, what comes over HTTP, UDP, TCP, webcams."""

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from fashion_pipeline.stages.source import FilmSource
from framegraph.errors import StageError
from framegraph.properties import read_options
from framegraph.stage import Context, Frame, Resume
from tests.cameras.http_cameras import http_camera, mjpeg_camera, transport_stream
from tests.cameras.serving import RtspServer

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


def test_max_fps_of_a_camera_leaves_frames_out_and_counts_them() -> None:
    with RtspServer("--fps", "30") as serving:
        source = make_source(serving.url(), **{"max-fps": 5})
        frames = list(itertools.islice(source.frames(None), 8))
    span_s = (frames[-1].running_ns - frames[0].running_ns) / 1e9
    assert 7 / 5 - 0.1 < span_s < 7 / 5 + 1
    assert source.skipped["max-fps"] > 3 * 7


def test_duration_of_a_camera_ends_the_stream() -> None:
    pictures = [jpeg(number, (64, 48)) for number in range(100)]
    with mjpeg_camera(lambda _connection: pictures, pause_s=0.05) as uri:
        frames = play(uri, 100, duration="600ms")
    assert 3 <= len(frames) < 100
    assert frames[-1].running_ns < 600_000_000


def test_mjpeg_over_http_plays_and_each_size_is_a_segment_of_its_own() -> None:
    pictures = [jpeg(number, (64, 48)) for number in range(4)] + [jpeg(9, (96, 80)) for _ in range(4)]
    properties: dict[str, Any] = {"retry-delay": 0.05}
    with mjpeg_camera(lambda _connection: pictures, pause_s=0.05) as uri:
        frames = play(uri, 12, **properties)
    sizes = [frame.image_bgr.shape[:2] for frame in frames]
    changes = [at for at in range(1, 12) if sizes[at] != sizes[at - 1]]
    assert len(changes) >= 2
    assert [frame.epoch for frame in frames] == sorted(frame.epoch for frame in frames)
    for at in changes:
        assert frames[at].epoch > frames[at - 1].epoch
        assert "DISCONT" in frames[at].flags
    # Such a stream has no time stamps: a picture is when it came.
    assert 0.3 < (frames[7].running_ns - frames[0].running_ns) / 1e9 < 5


def test_a_size_that_changes_in_mid_stream_is_a_segment_of_its_own_without_a_new_connection() -> None:
    small = transport_stream("libx264", (64, 48), range(15))
    large = transport_stream("libx264", (96, 80), range(15, 30))
    with http_camera("video/mp2t", lambda _connection: [small, large]) as uri:
        frames = play(uri, 28)
    sizes = [frame.image_bgr.shape[:2] for frame in frames]
    change = sizes.index((80, 96))
    assert sizes == [(48, 64)] * change + [(80, 96)] * (28 - change)
    assert [frame.epoch for frame in frames] == [0] * change + [1] * (28 - change)
    assert [at for at, frame in enumerate(frames) if "DISCONT" in frame.flags] == [0, change]


@pytest.mark.parametrize("pid", [0x100, 0x200])
def test_another_coding_in_mid_stream_is_a_new_connection_and_a_segment_of_its_own(
    pid: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than what FFmpeg looks at before it begins; then as an encoder that was set anew."""
    caplog.set_level(logging.INFO)
    one = transport_stream("libx264", (64, 48), range(80))
    other = transport_stream("mpeg2video", (64, 48), range(80, 100), pid=pid)

    def show(connection: int) -> Iterator[bytes]:
        yield b"" if connection else one
        for _time in range(100):
            yield other
            time.sleep(0.1)

    with http_camera("video/mp2t", show) as uri:
        source = make_source(uri, **{"restart-timeout": 1, "retry-delay": 0.05})
        frames = []
        for frame in source.frames(None):
            frames.append(frame)
            if frame.epoch == 1:
                break
    assert "DISCONT" in frames[-1].flags
    assert frames[-1].running_ns > frames[-2].running_ns
    said = [record.message.partition("/video: ")[2] for record in caplog.records]
    said = [text for text in said if text.startswith(("running", "retrying"))]
    assert said[0].startswith("running: 64x48 h264")
    assert said[1].startswith("retrying: decode (data, but no picture for 1 s); attempt 1 in ")
    assert said[2].startswith("running: 64x48 mpeg2video")


def test_a_frozen_camera_is_stalled_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    still = [jpeg(1, (64, 48))] * 40
    with mjpeg_camera(lambda _connection: still, pause_s=0.05) as uri:
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
    slow = {"retry-delay": 5, "max-retry-delay": 5, "retry-timeout": 1}
    source = make_source("rtsp://127.0.0.1:1/x", **slow)

    def read() -> None:
        # It gives up after a second, so that nothing goes on into other tests.
        with contextlib.suppress(StageError):
            next(source.frames(None), None)

    threading.Thread(target=read, daemon=True).start()
    deadline_s = time.monotonic() + 10
    while source.health is None or source.health.state != "retrying":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert source.health.cause == "refused"
    assert 0 < source.health.next_try_s <= 6
