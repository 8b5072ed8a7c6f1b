"""The sound of the input beside the pictures of the output film: where it is, and its coding."""

import os
import urllib.parse
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from fashion_pipeline.stages.media.uri import local_path
from tests.stages.sound_kit import CLICK_MS, annotate, film, film_with_sound, joined, tone
from tests.stages.source_kit import numbered

# Where the sound is


def test_the_sound_of_joined_pieces_goes_on_behind_the_joint(tmp_path: Path) -> None:
    first = film_with_sound(tmp_path / "first.ts", begin_ms=3_600_000, wave=tone(2000, 500))
    second = film_with_sound(tmp_path / "second.ts", wave=tone(2000, 700))
    path = joined(tmp_path / "film.ts", first, second, first)
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.remarks, made.sound) == (150, [], "aac")
    assert made.clicks_s == pytest.approx([0.5, 2.7, 4.5], abs=0.04)
    assert made.sound_s == pytest.approx((0, 6), abs=0.05)


def test_sound_stays_with_its_piece_where_another_piece_has_none_or_less(tmp_path: Path) -> None:
    whole = film_with_sound(tmp_path / "whole.ts")
    silent = film_with_sound(tmp_path / "silent.ts", sound_codec=None)
    short = film_with_sound(tmp_path / "short.ts", wave=tone(800))
    click = film_with_sound(tmp_path / "click.ts", wave=tone(2000, 500))
    first = annotate(joined(tmp_path / "a.ts", whole, silent, click), tmp_path / "a.mp4")
    assert first.clicks_s == pytest.approx([4.5], abs=0.04)
    second = annotate(joined(tmp_path / "b.ts", short, click), tmp_path / "b.mp4")
    assert second.clicks_s == pytest.approx([2.5], abs=0.04)


@pytest.mark.parametrize(
    ("name", "hours"), [("film.mp4", 0), ("film.mov", 0), ("film.mkv", 10), ("film.ts", 0), ("film.ts", 10)]
)
def test_the_sound_begins_where_the_film_begins(tmp_path: Path, name: str, hours: int) -> None:
    path = film(tmp_path / name, begin_ms=hours * 3_600_000)
    part = annotate(path, tmp_path / "part.mp4", start=0.8)
    assert (part.captured, part.remarks) == (55, [])
    assert part.clicks_s == pytest.approx([0.4], abs=0.03)
    assert part.sound_s == pytest.approx((0, 2.2), abs=0.05)
    short = annotate(path, tmp_path / "short.mp4", start=0.8, duration=1)
    assert (short.captured, short.remarks) == (25, [])
    assert short.clicks_s == pytest.approx([0.4], abs=0.03)
    assert short.sound_s == pytest.approx((0, 1), abs=0.05)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize(
    ("begin_ms", "sound_begin_ms", "click_s"),
    [(700, 0, 1.2), (0, 500, 1.7)],
    ids=["sound-first", "pictures-first"],
)
def test_sound_that_begins_earlier_or_later_than_the_pictures_still_fits_them(
    tmp_path: Path, name: str, begin_ms: int, sound_begin_ms: int, click_s: float
) -> None:
    path = film(tmp_path / name, begin_ms=begin_ms, sound_begin_ms=sound_begin_ms)
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.remarks) == (75, [])
    with av.open(str(made.path)) as output:
        first_s = next(float(frame.pts * frame.time_base) for frame in output.decode(video=0))
    # An encoder may begin with some milliseconds of silence, by which the rest of the film is later.
    assert made.clicks_s[0] - first_s == pytest.approx(click_s - begin_ms / 1000, abs=0.03)
    assert first_s == pytest.approx(begin_ms / 1000, abs=0.03)


def test_sound_that_is_over_where_the_film_begins_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", wave=tone(1000))
    made = annotate(path, tmp_path / "out.mp4", start=2)
    assert made.remarks == ["out.mp4: no sound: the input's sound track is empty there"]


# Names


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_file_uri_is_percent_encoded_for_pictures_and_sound(tmp_path: Path, host: str) -> None:
    path = film(tmp_path / "mein Film, größer als 100 %.mp4")
    made = annotate(f"file://{host}{urllib.parse.quote(str(path))}", tmp_path / "out.mp4")
    assert (made.captured, made.remarks, made.sound) == (75, [], "aac")


def test_a_file_uri_names_also_what_is_no_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdfe.mp4"))
    film(tmp_path / "film.mp4").rename(path)
    uri = f"file://{tmp_path}/gr%FC%DFe.mp4"
    assert os.fsencode(local_path(uri)) == os.fsencode(path)
    made = annotate(uri, tmp_path / "out.mp4")
    assert (made.captured, made.remarks, made.sound) == (75, [], "aac")


def test_a_file_that_is_called_as_its_uri_is_written_is_found(tmp_path: Path) -> None:
    path = film(tmp_path / "a%20b.mp4")
    for uri in (f"file://{path}", str(path), f"file://{urllib.parse.quote(str(path))}"):
        assert annotate(uri, tmp_path / "out.mp4").remarks == []
    # A plain path is no uri.
    assert local_path("a%20b.mp4") == Path("a%20b.mp4")
    assert local_path("FILE:///no/such%20place") == Path("/no/such place")
    assert local_path("file://localhost/no/such%20place") == Path("/no/such place")


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
def test_a_title_that_is_no_utf_8_costs_nothing(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, metadata={"title": "Grueezi aus Koeln"})
    data = path.read_bytes()
    assert b"Grueezi" in data
    path.write_bytes(data.replace(b"Grueezi", b"Gr\xfc\xdfe!!"))
    with pytest.raises(UnicodeDecodeError), av.open(str(path)):
        pass
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.remarks, made.sound) == (75, [], "aac")


# Codings


@pytest.mark.parametrize(
    ("name", "sound_codec", "output", "sound"),
    [
        ("film.avi", "libmp3lame", "out.mp4", "mp3float"),
        ("film.ts", "libmp3lame", "out.mp4", "mp3float"),
        ("film.mkv", "libmp3lame", "out.mov", "mp3float"),
        ("film.mkv", "flac", "out.mp4", "flac"),
        ("film.ts", "ac3", "out.m4v", "ac3"),
        ("film.mkv", "libopus", "out.mp4", "opus"),
        ("film.mp4", "aac", "out.mkv", "aac"),
        ("film.avi", "pcm_s16le", "out.mov", "pcm_s16le"),
        ("film.mp4", "pcm_s16le", "out.mkv", "pcm_s16le"),
        ("film.mov", "pcm_s16le", "out.mov", "pcm_s16le"),
        ("film.ts", "mp2", "out.mkv", "mp2"),
    ],
)
def test_sound_is_copied_where_the_format_has_a_place_for_it(
    tmp_path: Path, name: str, sound_codec: str, output: str, sound: str
) -> None:
    made = annotate(film(tmp_path / name, sound_codec), tmp_path / output)
    assert (made.captured, made.remarks, made.sound) == (75, [], sound)
    assert made.clicks_s == pytest.approx([1.2], abs=0.05)
    assert made.sound_s[1] == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("name", "sound_codec", "output", "remark"),
    [
        ("film.mp4", "pcm_s16le", "out.mp4", "pcm_s16le does not fit into MP4"),
        ("film.mov", "pcm_s16le", "out.m4v", "pcm_s16le does not fit into MP4"),
        ("film.ts", "mp2", "out.mp4", "mp2 does not fit into MP4"),
        ("film.mkv", None, "out.mp4", "the input has none"),
    ],
)
def test_sound_that_has_no_place_in_the_format_is_said(
    tmp_path: Path, name: str, sound_codec: str | None, output: str, remark: str
) -> None:
    made = annotate(film(tmp_path / name, sound_codec), tmp_path / output)
    assert (made.captured, made.sound) == (75, "")
    assert made.remarks == [f"{output}: no sound: {remark}"]


def test_sound_that_the_format_refuses_only_when_it_is_written_is_said_too(tmp_path: Path) -> None:
    made = annotate(film(tmp_path / "film.mkv", "libopus"), tmp_path / "out.mov")
    assert (made.captured, made.sound) == (75, "")
    assert len(made.remarks) == 1
    assert made.remarks[0].startswith("out.mov: no sound: ")


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "film.avi"])
def test_a_sound_track_without_sound_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, wave=tone(0), codec="mpeg4")
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.sound) == (75, "")
    assert made.remarks == ["out.mp4: no sound: the input's sound track is empty there"]


def test_a_film_whose_rate_is_no_whole_number_keeps_its_sound_in_place(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("mpeg4", rate=Fraction(30_000, 1001))
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream("aac", rate=48_000)
        for number in range(90):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(numbered(number), "bgr24")))
        container.mux(pictures.encode(None))
        wave = tone(3000, CLICK_MS)
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.remarks) == (90, [])
    assert made.clicks_s == pytest.approx([1.2], abs=0.03)
