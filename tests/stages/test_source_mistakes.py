"""What the source refuses, and in which words."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from fashion_pipeline.stages.media.uri import Kind, kind_of
from framegraph.errors import GraphError, StageError
from framegraph.support.secrets import without_password
from tests.stages.source_kit import (
    MS,
    film_of,
    make_source,
    play,
    resume_after,
)


def refusals(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Uri and what the error has to say."""
    (tmp_path / "plaza.mp4").write_bytes(bytes(100))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "notes.mp4").write_text("Grüße aus Köln\n" * 100, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("text")
    yield "plazza.mp4", r"no such film; did you mean '.*plaza\.mp4'\?"
    yield "nowhere/film.mp4", "no such film; the folder '.*nowhere' does not exist either"
    yield "photo.jpg", "no such image"
    yield "empty.mp4", r"this film is empty \(0 bytes\)"
    yield "notes.mp4", "is a text file, not a film; give a film, an image or a folder"
    yield "folder", "this folder has no films and no images in it"
    yield "folder/*.png", "matches no film and no image; check the pattern"


def test_a_wrong_uri_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for name, message in refusals(tmp_path):
        with pytest.raises(GraphError, match=message):
            make_source(tmp_path / name)
    with pytest.raises(
        GraphError, match=r"uri: 'gopher://' is not known; give a path, a glob, file:// or one of"
    ):
        make_source("gopher://host/film")
    with pytest.raises(GraphError, match=r"uri is empty; give a film, an image"):
        make_source("")
    with pytest.raises(GraphError, match=r"uri: the address names no host; write rtsp://HOST\[:PORT\]/PATH"):
        make_source("rtsp:///stream")
    for address in ("udp://", "tcp://host", "rtp://host/x"):
        with pytest.raises(GraphError, match=r"uri: the address names no port; write \w+://HOST:PORT or"):
            make_source(address)
    with pytest.raises(GraphError, match=r"uri: the address names no device; write v4l2:///dev/video0"):
        make_source("v4l2://")
    make_source("udp://:5000")
    with pytest.raises(GraphError, match=r"uri: host or port is wrong; write rtsp://HOST"):
        make_source("rtsp://host:99999/stream")
    with pytest.raises(GraphError, match=r"^rtsp://host/a: loop and start are for files"):
        make_source("rtsp://me:secret@host/a", loop=True)


def test_a_file_that_is_no_film_ends_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(StageError, match=r"film\.mp4: cannot be opened as a film: Invalid data"):
        make_source(path)


def test_a_sound_file_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(StageError, match=r"sound\.wav: has no moving pictures"):
        make_source(path)


def test_a_film_with_nothing_in_the_chosen_part_is_an_error(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 10)
    with pytest.raises(StageError, match="no picture could be read; check the file and 'start'"):
        play(path, start=60)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("samples/a@b.mp4", "samples/a@b.mp4"),
        ("rtsp://host/stream", "rtsp://host/stream"),
        ("rtsp://me:secret@host:554/stream", "rtsp://host:554/stream"),
        ("rtsp://me:sec@ret@host/stream", "rtsp://host/stream"),
        ("rtsp://me:sec/ret@host/stream", "rtsp://host/stream"),
        ("rtsp://host:554/cam@2", "rtsp://host:554/cam@2"),
        ("http://host/video?user=me&password=secret&x=1", "http://host/video?user=me&password=***&x=1"),
    ],
)
def test_a_uri_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_a_camera_that_stays_away_is_an_error_after_retry_timeout_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"retry-timeout": 0.5, "retry-delay": 0.1, "max-retry-delay": 0.2}
    source = make_source("rtsp://me:secret@127.0.0.1:1/stream", **options)
    assert source.is_live(source.options)
    with pytest.raises(StageError, match=r"^rtsp://127\.0\.0\.1:1/stream: refused .*retry-timeout") as error:
        next(source.frames(None))
    assert "secret" not in str(error.value) + caplog.text
    assert "retrying: refused (Connection refused); attempt 1 in 0.1 s" in caplog.text


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address, with a password, at which a film of 30 frames is served as a stream."""
    film = film_of(tmp_path / "film.ts", 30).read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(film)

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://me:secret@127.0.0.1:{server.server_port}/live"
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()


def test_a_stream_is_live_and_a_successor_begins_a_new_epoch(served: str) -> None:
    source = make_source(served, **{"max-fps": 5, "restart-on-eos": False})
    frames = list(source.frames(None))
    assert (source.is_live(source.options), source.length, source.skipped) == (True, None, {"max-fps": 15})
    assert [frame.running_ns for frame in frames] == [n * 200 * MS for n in range(15)]
    assert {frame.uri for frame in frames} == {served.replace("me:secret@", "")}
    assert [frame.flags for frame in frames] == [("LIVE", "DISCONT")] + 14 * [("LIVE",)]
    successor = play(served, resume_after(frames, 15), **{"restart-on-eos": False})
    assert {frame.epoch for frame in successor} == {1}
    assert successor[0].running_ns > frames[-1].running_ns
    assert len(successor) == 30


def test_a_stream_that_ends_is_connected_anew(served: str, caplog: pytest.LogCaptureFixture) -> None:
    frames = play(served, limit=70, **{"restart-on-eos": True, "retry-delay": 0.05})
    assert [frame.epoch for frame in frames] == 30 * [0] + 30 * [1] + 10 * [2]
    assert [frame.running_ns for frame in frames] == sorted({frame.running_ns for frame in frames})
    assert caplog.text.count("/live: retrying: end of stream (cut off); attempt") == 2
    assert "secret" not in caplog.text


def test_what_a_uri_means_is_decided_by_scheme_and_disk(tmp_path: Path) -> None:
    (tmp_path / "film[1].mp4").write_bytes(b"x")
    assert kind_of(str(tmp_path)) is Kind.IMAGES
    assert kind_of(str(tmp_path / "film[1].mp4")) is Kind.FILM
    assert kind_of(str(tmp_path / "*.mp4")) is Kind.IMAGES
    assert kind_of("a.JPG") is Kind.IMAGES
    assert kind_of("RTSP://host/x") is Kind.STREAM
    assert kind_of("/dev/video0") is kind_of("v4l2:///dev/video0") is Kind.STREAM
    assert kind_of("file:///films/a.mp4") is Kind.FILM
