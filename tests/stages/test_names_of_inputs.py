"""Inputs by the names that they have: colons, blanks, percent signs, numbers, and bytes that are no UTF-8."""

import json
import os
from pathlib import Path

import cv2
import pytest
import yaml

from fashion_pipeline.stages.media.uri import Kind, is_webcam, kind_of, local_path, looks_live, webcam_device
from fashion_pipeline.stages.source import FilmSource
from framegraph.errors import GraphError
from framegraph.frames.layout import URI_BYTES, FrameStoreFile
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.support.texts import utf8_of
from framegraph.wire.codec import decode_packet, encode_packet
from tests.launching import Launched
from tests.stages.source_kit import film_of, make_source, numbered, play
from tests.system.graphs import CHEAP

FRAMES = 5
LATIN = os.fsdecode(b"caf\xe9.mp4")
"""A name as a Latin-1 system has written it: its byte 0xe9 is no UTF-8."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film_of(tmp_path_factory.mktemp("film") / "film.mp4", FRAMES)


def called(film: Path, name: str | Path) -> Path:
    """A copy of a film under another name."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(film.read_bytes())
    return path


def options_of(uri: str) -> object:
    return read_options(FilmSource.Options, {"uri": uri})


# Paths and file:// addresses


@pytest.mark.parametrize(
    "name",
    [
        "cam1_12:30:00.mp4",
        "http:film.mp4",
        "concat:film.mp4",
        "pipe:0",
        "a b#c?d=1&e.mp4",
        "a[1].mp4",
        "100%.mp4",
        "-i.mp4",
    ],
)
def test_a_film_plays_whatever_it_is_called(
    film: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called(film, name)
    for uri in (f"./{name}", str(tmp_path / name), name):
        frames = play(uri)
        assert len(frames) == FRAMES
        assert {frame.uri for frame in frames} == {uri}


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("my film.mp4", "file://{folder}/my%20film.mp4"),
        ("my film.mp4", "file://localhost{folder}/my%20film.mp4"),
        ("my film.mp4", "FILE://LOCALHOST{folder}/my%20film.mp4"),
        ("my film.mp4", "file://{folder}/my film.mp4"),
        ("Größe.mp4", "file://{folder}/Gr%C3%B6%C3%9Fe.mp4"),
        ("12:30.mp4", "file://{folder}/12%3A30.mp4"),
        (LATIN, "file://{folder}/caf%E9.mp4"),
        ("100%25.mp4", "file://{folder}/100%2525.mp4"),
        ("a%20b.mp4", "file://{folder}/a%20b.mp4"),
    ],
    ids=[
        "blank",
        "host",
        "capitals",
        "not encoded",
        "UTF-8",
        "colon",
        "no UTF-8",
        "percent",
        "as it is called",
    ],
)
def test_a_file_address_is_percent_encoded_and_may_name_this_host(
    film: Path, tmp_path: Path, name: str, address: str
) -> None:
    path = called(film, tmp_path / name)
    uri = address.format(folder=tmp_path)
    assert kind_of(uri) is Kind.FILM
    assert local_path(uri) == path
    assert len(play(uri)) == FRAMES


def test_where_both_names_exist_the_decoded_one_is_meant(film: Path, tmp_path: Path) -> None:
    plain, decoded = called(film, tmp_path / "a%20b.mp4"), called(film, tmp_path / "a b.mp4")
    assert local_path(f"file://{plain}") == decoded


def test_a_file_address_names_a_folder_of_images_too(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), numbered(number))
    frames = play(f"file://localhost{tmp_path}/my%20photos")
    assert [frame.uri for frame in frames] == [str(folder / f"{number}.png") for number in range(3)]
    assert len(play(f"file://{tmp_path}/my%20photos/*.png")) == 3


# Webcams by number


@pytest.mark.parametrize(("uri", "device"), [("0", "/dev/video0"), ("12", "/dev/video12")])
def test_a_number_is_a_webcam(uri: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FilmSource.check(options_of(uri))
    assert kind_of(uri) is Kind.STREAM
    assert is_webcam(uri)
    assert looks_live(uri)
    assert webcam_device(uri) == device
    assert FilmSource.is_live(options_of(uri))


def test_a_webcam_that_is_named_by_its_number_is_looked_for_at_its_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    source = make_source("97", **{"retry-delay": 0.05, "retry-timeout": 0.1})
    with pytest.raises(Exception, match="not found"):
        next(source.frames(None))
    assert "97: retrying: not found (No such file or directory); attempt 1" in caplog.text


@pytest.mark.parametrize("name", ["0", "12"])
def test_a_file_that_has_only_a_number_for_its_name_is_a_film(
    film: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called(film, name)
    assert kind_of(name) is Kind.FILM
    assert not is_webcam(name)
    assert len(play(name)) == FRAMES


def test_a_folder_that_has_only_a_number_for_its_name_is_one_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2024").mkdir()
    cv2.imwrite(str(tmp_path / "2024/a.png"), numbered(1))
    assert [frame.uri for frame in play("2024")] == ["2024/a.png"]


# What is refused with a hint


@pytest.mark.parametrize("pattern", ["%04d.png", "frame_%d.jpg", "frame%03d.jpeg"])
def test_a_pattern_of_ffmpeg_is_answered_with_the_glob_that_is_meant(tmp_path: Path, pattern: str) -> None:
    begin, end = pattern[: pattern.index("%")], pattern[pattern.index("d.") + 1 :]
    cv2.imwrite(str(tmp_path / f"{begin}0001{end}"), numbered(1))
    with pytest.raises(GraphError, match=r"is a pattern of FFmpeg, a glob is expected here: ") as error:
        make_source(tmp_path / pattern)
    glob = str(error.value).rpartition(": ")[2]
    assert glob == str(tmp_path / f"{begin}*{end}")
    assert len(play(glob)) == 1


def test_a_file_that_is_called_like_such_a_pattern_is_read(tmp_path: Path) -> None:
    path = tmp_path / "frame%04d.png"
    cv2.imwrite(str(path), numbered(1))
    assert len(play(path)) == 1


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("https://www.youtube.com/watch?v=abc", "youtube.com"),
        ("https://m.youtube.com/watch?v=abc", "youtube.com"),
        ("https://YouTube.com/live/abc", "youtube.com"),
        ("https://youtu.be/abc", "youtu.be"),
        ("https://vimeo.com/1", "vimeo.com"),
        ("https://www.twitch.tv/somebody", "twitch.tv"),
    ],
)
def test_the_page_of_a_film_is_answered_with_how_to_get_the_film(uri: str, host: str) -> None:
    with pytest.raises(
        GraphError, match=f"^uri: {host} gives a page, not a film; give the address of the stream"
    ) as error:
        make_source(uri)
    assert "yt-dlp --get-url" in str(error.value)


def test_other_hosts_are_taken() -> None:
    for uri in ("https://films.example/watch?v=youtube.com", "http://notyoutube.com/a.mp4"):
        FilmSource.check(options_of(uri))


# Names that are no UTF-8


@pytest.mark.parametrize("size_bytes", [2, 100, URI_BYTES, URI_BYTES + 5])
def test_a_name_of_any_bytes_is_kept_beside_its_frame_as_far_as_there_is_room(
    tmp_path: Path, size_bytes: int
) -> None:
    file = FrameStoreFile.create(tmp_path / "pool", 2)
    try:
        name = "é" + os.fsdecode(b"\xe9" * (size_bytes - 2))
        file.set_uri(1, name)
        kept = file.uri(1)
        assert kept == name if size_bytes <= URI_BYTES else name.startswith(kept)
        assert file.uri(0) == ""
    finally:
        file.close()


def test_a_name_of_any_bytes_travels_in_a_packet() -> None:
    packet = Packet(source="camera", seq=1, uri=LATIN, meta={"note": LATIN, LATIN: 1})
    received = decode_packet(encode_packet(packet))
    assert received.uri == LATIN
    assert received.meta == packet.meta


def test_what_others_read_is_utf_8() -> None:
    assert utf8_of("é" + LATIN).decode() == "écaf\N{REPLACEMENT CHARACTER}.mp4"


def graph_of(folder: Path, **camera: object) -> Path:
    described = {
        "stages": {
            "camera": {"type": "source", "uri": "given later", **camera},
            "results": {"type": "json_sink", "location": "out/results.jsonl"},
            "look": {"type": "cheap_stages.Look"},
        },
        "links": ["camera ! look ! results"],
    }
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    (folder / "graph.yaml").write_text(yaml.safe_dump(described))
    return Path("graph.yaml")


def run_on(folder: Path, uri: str, status: int = 0, **env: str) -> tuple[bytes, bytes]:
    """Run a graph on an input, and return what it has printed, as bytes."""
    with Launched(graph_of(folder), "--set", f"camera.uri={uri}", folder=folder, env=env) as run:
        assert run.wait() == status, (folder / "launcher.err").read_bytes()
    out, err = ((folder / f"launcher.{end}").read_bytes() for end in ("out", "err"))
    assert b"Traceback" not in err
    return out, err


def uris_in(path: Path) -> list[str]:
    """The inputs that each record names; every line has to be JSON in UTF-8."""
    return [json.loads(line)["uri"] for line in path.read_bytes().decode("utf-8").splitlines()]


@pytest.mark.slow
def test_a_film_with_a_name_that_is_no_utf_8_goes_through_the_whole_graph(film: Path, tmp_path: Path) -> None:
    called(film, tmp_path / LATIN)
    run_on(tmp_path, LATIN)
    assert uris_in(tmp_path / "out/results.jsonl") == ["caf\N{REPLACEMENT CHARACTER}.mp4"] * FRAMES


def test_an_image_with_a_name_that_is_no_utf_8_goes_through_the_whole_graph_with_its_neighbours(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    png = cv2.imencode(".png", numbered(1))[1].tobytes()
    for name in (b"a.png", b"\xe9t\xe9.png", "été.png".encode()):
        (folder / os.fsdecode(name)).write_bytes(png)
    run_on(tmp_path, "photos")
    strange = "photos/\N{REPLACEMENT CHARACTER}t\N{REPLACEMENT CHARACTER}.png"
    assert sorted(uris_in(tmp_path / "out/results.jsonl")) == sorted(
        ["photos/a.png", "photos/été.png", strange]
    )


def test_a_missing_film_with_such_a_name_is_named_in_escapes(film: Path, tmp_path: Path) -> None:
    called(film, tmp_path / LATIN)
    _out, err = run_on(tmp_path, os.fsdecode(b"cap\xe9.mp4"), status=2)
    assert rb"cap\udce9.mp4: no such film; did you mean 'caf\udce9.mp4'?" in err


@pytest.mark.parametrize(
    ("coding", "said"),
    [
        ("ascii", rb"Gr\xf6\xdfe \u2764.mp4: no such film"),
        ("latin-1", "Größe ".encode("latin-1") + rb"\u2764.mp4: no such film"),
    ],
)
def test_a_sign_that_the_terminal_lacks_is_escaped(
    film: Path, tmp_path: Path, coding: str, said: bytes
) -> None:
    _out, err = run_on(tmp_path, "Größe ❤.mp4", status=2, PYTHONIOENCODING=coding)
    assert said in err


@pytest.mark.slow
def test_a_run_ends_well_in_a_terminal_that_lacks_the_signs_of_its_outputs(
    film: Path, tmp_path: Path
) -> None:
    called(film, tmp_path / "Größe ❤.mp4")
    graph = graph_of(tmp_path)
    where = "--set", "results.location=out/Größe ❤.jsonl"
    env = {"PYTHONIOENCODING": "ascii"}
    with Launched(graph, "--set", "camera.uri=Größe ❤.mp4", *where, folder=tmp_path, env=env) as run:
        assert run.wait() == 0, (tmp_path / "launcher.err").read_bytes()
    assert rb"wrote out/Gr\xf6\xdfe \u2764.jsonl" in (tmp_path / "launcher.out").read_bytes()
    assert uris_in(tmp_path / "out/Größe ❤.jsonl") == ["Größe ❤.mp4"] * FRAMES
