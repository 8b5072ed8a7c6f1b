"""The preview over real HTTP: pictures, streams, the page in a real browser, viewers that misbehave."""

import http.client
import itertools
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fashion_pipeline.stages.preview.server import MAX_VIEWERS
from fashion_pipeline.stages.preview_sink import PreviewSink
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from framegraph.testing import make_packet, make_stage
from tests.browser import dom, screenshot
from tests.launching import wait_for

Picture = npt.NDArray[np.uint8]
RED, GREEN = (0, 0, 230), (0, 200, 0)


def make_preview(**properties: Any) -> PreviewSink:
    options: Any = read_options(PreviewSink.Options, {"port": 0, "max-fps": 100, **properties})
    preview = PreviewSink(options, Context(name="preview", sources=("north", "south")))
    preview.open()
    return preview


@pytest.fixture
def preview() -> Iterator[PreviewSink]:
    made = make_preview()
    yield made
    made.close()


def frame(
    source: str, color_bgr: tuple[int, int, int], seq: int = 0, size_wh: tuple[int, int] = (320, 240)
) -> Packet:
    image_bgr = np.full((size_wh[1], size_wh[0], 3), color_bgr, np.uint8)
    people = [{"box": [20.0, 60.0, 120.0, 220.0], "score": 0.9, "garments": []}]
    return make_packet(image_bgr, seq=seq, source=source, people=people)


def get(url: str) -> tuple[Picture, str]:
    """The picture at a url, and whether it says to be live."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        return decoded(answer.read()), answer.headers["X-State"]


def decoded(jpeg: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def share_of(picture: Picture, color_bgr: tuple[int, int, int]) -> float:
    """How much of a picture has about this colour."""
    near = np.abs(picture.astype(int) - color_bgr).max(axis=2) < 40
    return float(near.mean())


def test_a_picture_shows_the_newest_frame_with_its_people(preview: PreviewSink) -> None:
    preview.process(frame("north", GREEN))
    time.sleep(0.02)  # two pictures within 1/max-fps are one
    preview.process(frame("north", RED, seq=1))
    picture, state = get(f"{preview.url}north.jpg")
    assert state == "live"
    assert picture.shape == (240, 320, 3)
    assert 0.6 < share_of(picture, RED) < 0.999  # the box is drawn
    assert share_of(picture, GREEN) < 0.05


def test_wide_pictures_are_scaled_down() -> None:
    preview = make_preview(**{"max-width": 160})
    preview.process(frame("north", RED, size_wh=(1280, 720)))
    assert get(f"{preview.url}north.jpg")[0].shape == (90, 160, 3)
    preview.close()


def test_more_pictures_than_max_fps_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    preview = make_preview(**{"max-fps": 5})
    now_s = [100.0]
    monkeypatch.setattr("fashion_pipeline.stages.preview_sink.time.monotonic", lambda: now_s[0])
    taken: list[str] = []
    monkeypatch.setattr(preview._pictures, "put", lambda source, *_: taken.append(source))
    for seq in range(40):
        preview.process(frame("north", RED, seq))
        now_s[0] += 0.04
    # 40 frames in 1.6 s; each 5th is 0.2 s after the last one shown.
    assert len(taken) == 8
    monkeypatch.undo()
    preview.close()


def test_a_source_that_gives_nothing_new_says_so(tmp_path: Path) -> None:
    preview = make_preview(**{"offline-after": 0.3})
    picture, state = get(f"{preview.url}south.jpg")
    assert state == "offline"  # it never gave any
    assert picture.max() > 200
    preview.process(frame("north", RED))
    assert get(f"{preview.url}north.jpg")[1] == "live"
    dark, state = wait_for(
        lambda: (found := get(f"{preview.url}north.jpg"))[1] == "offline" and found, "offline"
    )
    assert share_of(dark, RED) == 0
    assert (dark.min(axis=2) > 180).mean() > 0.01  # white words
    preview.process(frame("north", RED, seq=1))
    picture, state = get(f"{preview.url}north.jpg")
    assert state == "live"
    assert share_of(picture, RED) > 0.6
    preview.close()


def read_parts(stream: Any, count: int) -> list[tuple[str, Picture]]:
    """Read pictures of an MJPEG stream as RFC 2046 has them."""
    assert stream.readline() == b"--picture\r\n"
    parts = []
    for _part in range(count):
        head = http.client.parse_headers(stream)
        parts.append((head["X-State"], decoded(stream.read(int(head["Content-Length"])))))
        assert stream.readline() == b"\r\n"
        assert stream.readline() == b"--picture\r\n"
    return parts


def test_a_stream_goes_on_with_each_new_picture_and_says_when_there_is_none() -> None:
    preview = make_preview(**{"offline-after": 0.4})
    with urllib.request.urlopen(f"{preview.url}north.mjpg", timeout=20) as stream:
        kind = stream.headers["Content-Type"]
        assert kind == "multipart/x-mixed-replace; boundary=picture"
        [(state, _picture)] = read_parts(stream, 1)
        assert state == "offline"
        preview.process(frame("north", RED))
        head = http.client.parse_headers(stream)
        red = decoded(stream.read(int(head["Content-Length"])))
        assert (head["X-State"], share_of(red, RED) > 0.6) == ("live", True)
        assert stream.readline() == b"\r\n"
        [(state, _picture)] = read_parts(stream, 1)
        assert state == "offline"
    preview.close()


def test_sources_come_and_go_while_it_runs(preview: PreviewSink) -> None:
    preview.process(frame("north", RED))
    preview.take_sources(("north", "west"))
    assert get(f"{preview.url}north.jpg")[1] == "live"
    assert get(f"{preview.url}west.jpg")[1] == "offline"
    with pytest.raises(urllib.error.HTTPError):
        get(f"{preview.url}south.jpg")


def test_what_is_not_there_is_404_with_what_there_is(preview: PreviewSink) -> None:
    for path in ("nobody.jpg", "north", "north.png", "../etc/passwd", "north.jpg/x"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(preview.url + path, timeout=20)
        assert refused.value.code == 404
        assert b"/north.mjpg /north.jpg /south.mjpg" in refused.value.read()


def test_a_page_from_elsewhere_cannot_look(preview: PreviewSink) -> None:
    for host, status in (("evil.example", 403), ("localhost:99", 404), ("127.0.0.1", 404), ("[::1]:80", 404)):
        link = http.client.HTTPConnection(urlsplit(preview.url).netloc, timeout=20)
        link.request("GET", "/x", headers={"Host": host})
        assert link.getresponse().status == status
        link.close()


@pytest.mark.slow
def test_a_browser_shows_all_sources_and_what_is_offline(tmp_path: Path) -> None:
    preview = make_preview(**{"offline-after": 60, "max-fps": 2})
    preview.process(frame("north", RED))
    seen = screenshot(preview.url, tmp_path)
    # 320x240 of 900x700, less the box; the other source has no picture yet.
    assert 0.06 < share_of(seen, RED) < 0.13
    assert 0.25 < (seen.max(axis=2) < 8).mean() < 0.5
    preview.close()


@pytest.mark.slow
def test_a_page_whose_preview_is_gone_does_not_look_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = make_preview(**{"max-fps": 2})
    preview.process(frame("north", RED))
    assert 'class="gone"' not in dom(preview.url, tmp_path).partition("<script>")[0]
    real, asked = preview._pictures.get, itertools.count()
    monkeypatch.setattr(preview._pictures, "get", lambda source: real(source) if next(asked) < 8 else None)
    shown = dom(preview.url, tmp_path, after_ms=8000).partition("<script>")[0]
    assert shown.count('class="gone"') == 2
    preview.close()


def hold_streams(preview: PreviewSink, count: int) -> list[socket.socket]:
    """Viewers that ask for a stream and never read it."""
    address = urlsplit(preview.url)
    viewers = []
    for _viewer in range(count):
        viewer = socket.create_connection((address.hostname, address.port), timeout=20)
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.sendall(b"GET /north.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        viewers.append(viewer)
    return viewers


def viewers_served() -> int:
    """How many connections have a thread of the preview's server now (other libraries' threads come and go)."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.mark.slow
def test_viewers_that_stop_reading_cost_nobody_anything_and_are_dropped(preview: PreviewSink) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    viewers = hold_streams(preview, 20)
    wait_for(lambda: viewers_served() == 20, "threads of the viewers")
    slowest_s, seq, deadline_s = 0.0, 0, time.monotonic() + 60
    while viewers_served() > 0:
        assert time.monotonic() < deadline_s, "viewers that do not read are not dropped"
        started_s = time.monotonic()
        packet = make_packet(noise, seq=seq, source="north")
        preview.process(packet)
        slowest_s = max(slowest_s, time.monotonic() - started_s)
        assert get(f"{preview.url}north.jpg")[1] == "live"
        seq += 1
        time.sleep(0.02)
    assert slowest_s < 2.0
    for viewer in viewers:
        viewer.close()


def test_more_viewers_than_there_is_room_for_are_refused_and_room_comes_back(preview: PreviewSink) -> None:
    preview.process(frame("north", RED))
    viewers = hold_streams(preview, MAX_VIEWERS)
    wait_for(lambda: is_refused(preview), "viewer that is refused")
    for viewer in viewers:
        viewer.close()
    # Gone viewers are noticed with the pictures that follow.
    wait_for(lambda: preview.process(frame("north", RED)) and not is_refused(preview), "room for a viewer")


def is_refused(preview: PreviewSink) -> bool:
    try:
        get(f"{preview.url}north.jpg")
    except (OSError, http.client.HTTPException):
        return True
    return False


def test_a_port_that_is_taken_is_one_clear_error(preview: PreviewSink) -> None:
    with pytest.raises(
        StageError, match=r"cannot listen on 127.0.0.1 port \d+: .*; choose another port, or port: 0"
    ):
        make_preview(port=urlsplit(preview.url).port)


def test_an_address_that_others_reach_has_to_be_allowed() -> None:
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(GraphError, match="the preview has no password"):
            make_stage(PreviewSink, {"host": host})
    make_stage(PreviewSink, {"host": "::1"})
    make_stage(PreviewSink, {"host": "0.0.0.0", "allow-remote": True})


def test_connections_that_drip_do_not_keep_viewers_out(
    preview: PreviewSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fashion_pipeline.stages.preview.server.HEAD_S", 0.5)
    preview.process(frame("north", GREEN))
    host, port = preview.url.removeprefix("http://").strip("/").rsplit(":", 1)
    drips = [socket.create_connection((host, int(port))) for _ in range(MAX_VIEWERS)]
    try:
        for drip in drips:
            drip.sendall(b"GET /north.jpg HT")
        wait_for(lambda: answers(preview.url), "an answer though others drip")
    finally:
        for drip in drips:
            drip.close()
    refusals = [record for record in caplog.records if "refused" in record.getMessage()]
    assert len(refusals) <= 1


def answers(url: str) -> bool:
    try:
        return get(f"{url}north.jpg")[1] == "live"
    except OSError:
        return False
