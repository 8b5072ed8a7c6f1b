"""Films behind http addresses: read as films in files are, whole, in order, and from any place."""

import dataclasses
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framegraph.errors import StageError
from framegraph.stage import Frame
from tests.cameras.film_server import served
from tests.cameras.graphs import camera_graph
from tests.cameras.http_cameras import http_camera, mjpeg_camera, transport_stream
from tests.cameras.test_streams import jpeg
from tests.launching import Launched, lines, seqs, wait_for
from tests.stages.source_kit import assert_same, make_source, play, resume_after, write_film
from tests.stages.test_pace import Clock, given_at

FRAMES = 60
LARGEST_HEAD_BYTES = 200_000
"""More than FFmpeg reads of a film before it begins, and less than any film here has."""


def film_at(path: Path) -> Path:
    """Write a film of noise: so large that no buffer on the way holds all of it."""
    noise = [
        np.random.default_rng(number).integers(0, 255, (96, 128, 3), dtype=np.uint8)
        for number in range(FRAMES)
    ]
    # A film that can only be read forwards has its index in front.
    return write_film(
        path, noise, container_options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {name: film_at(folder / f"film.{name}") for name in ("mp4", "mkv", "ts")}


def of_file(frames: Sequence[Frame], film: Path) -> list[Frame]:
    """The frames as they would be called if they had been read from the file."""
    return [dataclasses.replace(frame, uri=str(film)) for frame in frames]


@pytest.mark.parametrize("has_ranges", [True, False], ids=["with ranges", "without ranges"])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_film_plays_whole_with_its_own_time_stamps_and_is_not_live(
    films: dict[str, Path], kind: str, has_ranges: bool
) -> None:
    film = films[kind]
    with served(film, has_ranges=has_ranges) as at:
        source = make_source(at.uri)
        frames = list(source.frames(None))
    assert len(frames) == FRAMES
    assert {frame.uri for frame in frames} == {at.uri}
    assert_same(of_file(frames, film), play(film))
    assert not source.is_live(source.options)
    assert source.plays_live is False
    assert source.health is None
    assert source.skipped == {}


def test_a_film_whose_index_stands_at_its_end_is_read_where_the_server_gives_parts(tmp_path: Path) -> None:
    noise = [
        np.random.default_rng(number).integers(0, 255, (96, 128, 3), dtype=np.uint8) for number in range(30)
    ]
    film = write_film(tmp_path / "film.mp4", noise)
    assert film.read_bytes().find(b"moov") > film.stat().st_size // 2
    with served(film, has_ranges=True) as at:
        assert_same(of_file(play(at.uri), film), play(film))


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_server_that_only_says_that_it_gives_parts_is_no_hindrance(
    films: dict[str, Path], kind: str
) -> None:
    film = films[kind]
    with served(film, has_ranges=False, claims_ranges=True) as at:
        source = make_source(at.uri)
        assert_same(of_file(list(source.frames(None)), film), play(film))
    assert source.skipped == {}


def test_a_transport_stream_goes_on_at_such_a_server_too(films: dict[str, Path]) -> None:
    film = films["ts"]
    whole = play(film)
    with served(film, has_ranges=False, claims_ranges=True) as at:
        source = make_source(at.uri)
        assert_same(of_file(list(source.frames(resume_after(whole, 40))), film), whole[40:])
    assert source.skipped == {}
    # It is read through: to look for the place would be to ask many times for what does not come.
    assert len(at.ranges) < 20


def test_an_address_that_does_not_look_like_a_film_is_one_once_it_is_connected_to(
    films: dict[str, Path],
) -> None:
    film = films["mkv"]
    with served(film, has_ranges=False, path="cgi-bin/get?id=7") as at:
        source = make_source(at.uri)
        assert source.is_live(source.options)
        frames = list(source.frames(None))
    assert_same(of_file(frames, film), play(film))
    assert source.plays_live is False


def test_an_index_at_the_end_that_cannot_be_reached_is_told_with_the_remedy(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, 96, 128, 3), dtype=np.uint8)
    film = write_film(tmp_path / "film.mp4", list(noise))
    with served(film, has_ranges=True) as at:
        assert len(list(make_source(at.uri).frames(None))) == FRAMES
    with served(film, has_ranges=False) as at, pytest.raises(StageError, match="movflags faststart"):
        list(make_source(at.uri).frames(None))


def test_a_film_whose_server_is_away_is_waited_for(
    films: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    film = films["mkv"]
    with served(film, has_ranges=False, away=2) as at:
        source = make_source(at.uri, **{"retry-delay": 0.05})
        frames = list(source.frames(None))
    assert caplog.text.count("retrying: network") == 2
    assert_same(of_file(frames, film), play(film))
    assert source.plays_live is False


def test_the_pace_of_a_film_is_kept(films: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("fashion_pipeline.stages.source.time", clock)
    with served(films["mkv"], has_ranges=True) as at:
        source = make_source(at.uri, pace="realtime")
        given = list(given_at(source, clock))
    assert len(given) == FRAMES
    assert [at_s for _running_ns, at_s in given] == pytest.approx(
        [running_ns / 1e9 for running_ns, _at_s in given]
    )
    assert source.plays_live is False


@pytest.mark.parametrize("path", ["film.mkv", "video"])
def test_a_film_that_is_said_to_be_live_is(films: dict[str, Path], path: str) -> None:
    with served(films["mkv"], has_ranges=True, path=path) as at:
        source = make_source(at.uri, live="yes")
        assert source.is_live(source.options)
        frames = list(source.frames(None))
    assert source.plays_live is True
    assert source.health is not None
    assert len(frames) == FRAMES  # it has an end, so it is not connected to again
    assert [frame.flags for frame in frames] == [("LIVE", "DISCONT")] + (FRAMES - 1) * [("LIVE",)]


def test_a_stream_that_is_said_not_to_be_live_is_read_as_a_film(films: dict[str, Path]) -> None:
    film = films["ts"]
    with http_camera("video/mp2t", lambda _connection: [film.read_bytes()]) as uri:
        source = make_source(uri, live="no")
        assert not source.is_live(source.options)
        frames = list(source.frames(None))
    assert_same(of_file(frames, film), play(film))
    assert source.plays_live is False


@pytest.mark.parametrize("has_ranges", [True, False], ids=["with ranges", "without ranges"])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_successor_goes_on_with_the_very_frame_that_comes_next(
    films: dict[str, Path], kind: str, has_ranges: bool
) -> None:
    film = films[kind]
    whole = play(film)
    with served(film, has_ranges=has_ranges) as at:
        for count in (1, 37, FRAMES):
            source = make_source(at.uri)
            frames = list(source.frames(resume_after(whole, count)))
            assert_same(of_file(frames, film), whole[count:])
            assert source.plays_live is False


@pytest.mark.parametrize(
    "properties", [{"start": 2.25, "duration": 1.5}, {"loop": True}, {"max-fps": 3}, {"width": 32}], ids=str
)
def test_a_part_of_a_film_is_the_same_part(films: dict[str, Path], properties: dict[str, Any]) -> None:
    film = films["mkv"]
    expected = play(film, limit=2 * FRAMES + 5, **properties)
    with served(film, has_ranges=False) as at:
        assert_same(of_file(play(at.uri, limit=2 * FRAMES + 5, **properties), film), expected)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_what_breaks_off_is_asked_for_again_from_there(films: dict[str, Path], kind: str) -> None:
    film = films[kind]
    with served(film, has_ranges=True, most_bytes=LARGEST_HEAD_BYTES) as at:
        source = make_source(at.uri)
        frames = list(source.frames(None))
    assert f"bytes={LARGEST_HEAD_BYTES}-" in at.ranges
    assert_same(of_file(frames, film), play(film))
    assert source.skipped == {}


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_what_breaks_off_for_good_is_counted_and_told(
    films: dict[str, Path], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    film = films[kind]
    with served(film, has_ranges=False, most_bytes=LARGEST_HEAD_BYTES) as at:
        source = make_source(at.uri)
        frames = list(source.frames(None))
    assert 0 < len(frames) < FRAMES - 10
    assert source.skipped["missing"] >= FRAMES - len(frames) - source.skipped["broken"]
    assert "is it cut off" in caplog.text


def test_an_endless_mjpeg_stream_stays_live() -> None:
    pictures = [jpeg(number, (64, 48)) for number in range(20)]
    with mjpeg_camera(lambda _connection: pictures, pause_s=0.02) as uri:
        source = make_source(uri)
        frames = list(itertools.islice(source.frames(None), 10))
    assert source.plays_live is True
    assert {"LIVE" in frame.flags for frame in frames} == {True}


def test_an_endless_transport_stream_stays_live_whatever_its_address_looks_like() -> None:
    first, *others = (transport_stream("libx264", (64, 48), range(at, at + 10)) for at in range(0, 50, 10))

    def show(_connection: int) -> Iterator[bytes]:
        yield first
        for part in others:
            time.sleep(0.1)
            yield part

    with http_camera("video/mp2t", show) as uri:
        for address in (uri, f"{uri}.ts"):
            source = make_source(address)
            frames = list(itertools.islice(source.frames(None), 25))
            assert source.plays_live is True
            assert {"LIVE" in frame.flags for frame in frames} == {True}


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in ("ts", "mp4")])
def test_a_source_that_is_killed_loses_and_doubles_nothing(
    films: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """From a server without ranges; the worker is so slow that a live source would leave frames out."""
    film = films[kind]
    whole = play(film)
    with served(film, has_ranges=False, path="video") as at:
        graph = camera_graph(tmp_path, {"camera": {"uri": at.uri}}, sleep_ms=15)
        with Launched(graph, folder=tmp_path) as run:
            victim = run.child("camera.0")
            wait_for(lambda: len(lines(tmp_path / "out/camera.jsonl")) >= 15, "15 frames", run)
            victim.kill()
            assert run.wait() == 0, run.stderr
            assert "camera.0 was started again 1 time" in run.stdout
    records = lines(tmp_path / "out/camera.jsonl")
    assert seqs(records) == list(range(FRAMES))
    assert [record["pts_ns"] for record in records] == [frame.pts_ns for frame in whole]
    # Each record is of the picture that it says.
    looks = [float(frame.image_bgr[::8, ::8].mean()) for frame in whole]
    assert [record["brightness"] for record in records] == pytest.approx(looks, abs=1e-6)
    assert {record["status"] for record in records} == {"ok"}
    sums = json.loads((tmp_path / "out/ledger.json").read_text())["sources"]["camera"]
    assert (sums["captured"], sums["delivered"], sums["dropped"]) == (FRAMES, FRAMES, {})
