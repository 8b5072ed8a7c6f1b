"""Films that are cut off or have a hole say how much was promised and how much came; whole films say nothing."""

import logging
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from fashion_pipeline.stages.media.promise import Came, Promise, shortfall
from tests.stages.sound_kit import TS_BYTES, film_with_sound, joined, tone
from tests.stages.source_kit import (
    MS,
    SECOND,
    assert_same,
    make_source,
    numbered,
    play,
    resume_after,
    write_film,
)

COUNT = 60


@pytest.fixture(autouse=True)
def warnings_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def film(path: Path, sound_codec: str | None = None, **how: Any) -> Path:
    if path.suffix in (".mp4", ".mov"):
        how.setdefault("options", {"movflags": "faststart"})
    if path.suffix == ".avi":
        how.setdefault("codec", "mpeg4")
    return film_with_sound(path, count=COUNT, sound_codec=sound_codec, **how)


def cut(path: Path, share: float = 2 / 3) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path


def with_hole(path: Path, begin: float = 0.4, end: float = 0.6, *, piece: int = 1) -> Path:
    """Take a part of the file away, in whole pieces."""
    data = path.read_bytes()
    first, last = (round(len(data) * share) // piece * piece for share in (begin, end))
    path.write_bytes(data[:first] + data[last:])
    return path


def losses_said(caplog: pytest.LogCaptureFixture, path: Path) -> list[str]:
    """What was said about `path` besides that frames are broken."""
    said = [record.message.removeprefix(f"{path}: ") for record in caplog.records]
    return [words for words in said if not words.startswith("a broken frame is skipped")]


# What was cut off


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.avi"])
@pytest.mark.parametrize("sound_codec", [None, "pcm_s16le"])
def test_a_film_with_an_index_that_is_cut_off_says_how_many_frames_came_of_how_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, sound_codec: str | None
) -> None:
    path = film(tmp_path / name, sound_codec)
    whole = play(path)
    source = make_source(cut(path))
    frames = list(source.frames(None))
    assert 10 < len(frames) < 50
    assert_same(frames[:-1], whole[: len(frames) - 1])
    assert losses_said(caplog, path) == [
        f"its header promises {COUNT} frames, {len(frames)} came; is it cut off, or has it a hole?"
    ]
    assert source.skipped["missing"] == COUNT - len(frames) - source.skipped.get("broken", 0)


def test_an_avi_that_lacks_its_index_is_held_against_its_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut(film(tmp_path / "film.avi", codec="libx264"))
    frames = play(path)
    assert losses_said(caplog, path) == [
        f"its header promises {COUNT} frames, {len(frames)} came; is it cut off, or has it a hole?"
    ]


@pytest.mark.parametrize("sound_codec", [None, "aac"])
@pytest.mark.parametrize("name", ["film.mkv", "film.flv"])
def test_a_film_whose_header_tells_its_length_says_how_many_frames_came_of_about_how_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, sound_codec: str | None
) -> None:
    path = cut(film(tmp_path / name, sound_codec))
    source = make_source(path)
    frames = list(source.frames(None))
    assert 20 < len(frames) < 50
    assert losses_said(caplog, path) == [
        f"by its header it has about {COUNT} frames, {len(frames)} came; is it cut off, or has it a hole?"
    ]
    assert source.skipped["missing"] == COUNT - len(frames) - source.skipped.get("broken", 0)


@pytest.mark.parametrize("sound_codec", [None, "aac"])
def test_a_transport_stream_that_ends_in_the_middle_of_a_packet_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sound_codec: str | None
) -> None:
    path = film(tmp_path / "film.ts", sound_codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3 // TS_BYTES * TS_BYTES + 100])
    source = make_source(path)
    frames = list(source.frames(None))
    assert 20 < len(frames) < 50
    assert losses_said(caplog, path) == [
        f"it ends in the middle of a packet, {len(frames)} frames came; it is cut off"
    ]
    assert source.skipped["missing"] == 1


def test_a_film_of_variable_rate_that_is_cut_off_says_how_long_it_should_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut(variable(tmp_path / "film.mkv"))
    source = make_source(path)
    frames = list(source.frames(None))
    last_s = frames[-1].pts_ns / SECOND
    (words,) = losses_said(caplog, path)
    assert words.startswith("its header promises 9.")
    assert words.endswith(f"{last_s:.1f} s came ({len(frames)} frames); is it cut off?")
    assert source.skipped["missing"] == pytest.approx(COUNT - len(frames), rel=0.3)


@pytest.mark.parametrize("sound_codec", [None, "aac"])
def test_a_film_that_tells_only_the_length_of_its_longest_track_says_that_it_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sound_codec: str | None
) -> None:
    path = cut(untagged(tmp_path / "film.mkv", sound_codec), 0.4)
    source = make_source(path)
    frames = list(source.frames(None))
    assert 10 < len(frames) < 30
    (words,) = losses_said(caplog, path)
    # Sound ends a little later than the pictures.
    assert re.fullmatch(
        rf"by its header it has about 6[01] frames, {len(frames)} came; is it cut off.*", words
    )
    assert source.skipped["missing"] == pytest.approx(COUNT - len(frames), abs=2)


def test_what_lacks_is_said_once_though_a_film_is_played_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut(film(tmp_path / "film.mkv"))
    source = make_source(path, loop=True)
    frames = source.frames(None)
    first = [next(frames) for _ in range(130)]
    assert first[-1].epoch >= 2
    assert len(losses_said(caplog, path)) == 1
    assert 10 < source.skipped["missing"] < 30


# Holes


@pytest.mark.parametrize("sound_codec", [None, "aac"])
def test_a_film_with_a_hole_says_how_many_frames_came_of_how_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sound_codec: str | None
) -> None:
    path = with_hole(film(tmp_path / "film.mkv", sound_codec))
    source = make_source(path)
    frames = list(source.frames(None))
    # It goes on behind the hole, to the very end.
    assert frames[-1].pts_ns == (COUNT - 1) * 40 * MS
    assert losses_said(caplog, path) == [
        f"by its header it has about {COUNT} frames, {len(frames)} came; is it cut off, or has it a hole?"
    ]
    assert source.skipped["missing"] == COUNT - len(frames) - source.skipped.get("broken", 0) > 5


def test_a_transport_stream_with_a_hole_is_told_by_its_rate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_hole(film(tmp_path / "film.ts"), piece=TS_BYTES)
    source = make_source(path)
    frames = list(source.frames(None))
    assert frames[-1].pts_ns == (COUNT - 1) * 40 * MS
    assert losses_said(caplog, path) == [
        f"by its rate it has about {COUNT} frames, {len(frames)} came; is it cut off, or has it a hole?"
    ]
    assert source.skipped["missing"] == COUNT - len(frames) - source.skipped.get("broken", 0) > 5


def test_what_is_broken_is_not_missing_as_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "film.mp4")
    data = bytearray(path.read_bytes())
    first, last = len(data) * 4 // 10, len(data) * 6 // 10
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    source = make_source(path)
    frames = list(source.frames(None))
    assert source.skipped == {"broken": COUNT - len(frames)}
    assert 5 < len(frames) < COUNT
    assert losses_said(caplog, path) == []


# Whole films


def variable(path: Path) -> Path:
    """A film whose frames are 60 to 260 ms long, each of another length."""
    pts_ms = [0]
    for number in range(COUNT - 1):
        pts_ms.append(pts_ms[-1] + 60 + number * 37 % 201)
    return write_film(path, [numbered(n) for n in range(COUNT)], pts_ms, options={"bf": "0"})


def longer_sound(path: Path) -> Path:
    return film(path, "aac", wave=tone(5000))


def untagged(path: Path, sound_codec: str | None = "aac") -> Path:
    """A Matroska film that tells the length of the longest track only."""
    film(path, sound_codec)
    data = path.read_bytes()
    assert b"DURATION" in data
    path.write_bytes(data.replace(b"DURATION", b"duratiom"))
    return path


def untagged_with_longer_sound(path: Path) -> Path:
    longer_sound(path)
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"duratiom"))
    return path


def later_pictures(path: Path) -> Path:
    return film(path, "aac", begin_ms=1500, sound_begin_ms=0)


def with_b_frames(path: Path) -> Path:
    return write_film(path, [numbered(n) for n in range(COUNT)], options={"bf": "3"})


def hours_late(path: Path) -> Path:
    return film(path, "aac", begin_ms=36_000_000)


def pieces(path: Path) -> Path:
    one = film_with_sound(path.with_name("one.ts"), count=COUNT // 2)
    other = film_with_sound(path.with_name("other.ts"), count=COUNT // 2, begin_ms=3_600_000)
    return joined(path, one, other)


def in_bluray_packets(path: Path) -> Path:
    return film(path, "aac", options={"mpegts_m2ts_mode": "1"})


def trimmed(path: Path) -> Path:
    """20 more frames than are to be seen: an edit list cuts the first ones off."""
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.max_b_frames = 0
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(COUNT + 20):
            frame = av.VideoFrame.from_ndarray(numbered(number), "bgr24")
            frame.pts, frame.time_base = (number - 20) * 40, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shortened(path: Path) -> Path:
    """20 more frames than are to be seen: an edit list cuts the last ones off."""
    film_with_sound(path, count=COUNT + 20, sound_codec=None)
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    assert struct.unpack_from(">I", data, at) == ((COUNT + 20) * 40,)
    struct.pack_into(">I", data, at, COUNT * 40)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        *[(name, film) for name in ("film.mp4", "film.mkv", "film.ts", "film.avi", "film.mov", "film.flv")],
        *[(f"sound.{ending}", longer_sound) for ending in ("mp4", "mkv", "ts", "flv")],
        *[(f"later.{ending}", later_pictures) for ending in ("mp4", "mkv", "ts")],
        *[(f"b.{ending}", with_b_frames) for ending in ("mp4", "mkv", "ts")],
        *[(f"late.{ending}", hours_late) for ending in ("mp4", "mkv", "ts")],
        *[(f"variable.{ending}", variable) for ending in ("mp4", "mkv", "ts")],
        ("untagged.mkv", untagged),
        ("longest.mkv", untagged_with_longer_sound),
        ("pieces.ts", pieces),
        ("bluray.m2ts", in_bluray_packets),
        ("trimmed.mp4", trimmed),
        ("shortened.mp4", shortened),
    ],
)
def test_a_whole_film_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / name)
    source = make_source(path)
    assert len(list(source.frames(None))) == COUNT
    assert source.skipped == {}
    assert [words for words in losses_said(caplog, path) if "its clock jumps" not in words] == []


@pytest.mark.parametrize("name", ["film.flv", "film.mkv"])
@pytest.mark.parametrize("longer_ms", [300, 900])
def test_sound_that_is_longer_than_the_pictures_is_no_loss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, longer_ms: int
) -> None:
    path = film(tmp_path / name, "aac", wave=tone(COUNT * 40 + longer_ms))
    assert len(play(path)) == COUNT
    assert losses_said(caplog, path) == []


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "film.mp4"])
def test_a_pause_is_no_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    pts_ms = [n * 40 + 5000 * (n >= 40) for n in range(120)]
    path = write_film(tmp_path / name, [numbered(n) for n in range(120)], pts_ms)
    assert len(play(path)) == 120
    assert losses_said(caplog, path) == []


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.ts"])
def test_a_part_of_a_film_and_what_a_successor_plays_of_it_are_no_shortfall(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = film(tmp_path / name, "aac")
    whole = play(path)
    for how in ({"duration": 1}, {"start": 1}, {"start": 1, "duration": "500ms"}, {"max-fps": 5}):
        source = make_source(path, **how)
        assert 0 < len(list(source.frames(None))) < COUNT
        assert "missing" not in source.skipped
    source = make_source(path)
    assert_same(list(source.frames(resume_after(whole, 40))), whole[40:])
    assert source.skipped == {}
    assert caplog.records == []


# The rule itself


def came(gaps_ms: list[int], *, packets: int = 0, broken: int = 0) -> Came:
    found = Came()
    found.packets, found.broken = packets, broken
    at_ms = 0
    for gap_ms in [0, *gaps_ms]:
        at_ms += gap_ms
        found.frame(at_ms * MS)
    return found


def promise(count: int | None = None, end_ms: int | None = None, *, is_cut_packet: bool = False) -> Promise:
    return Promise(count, None if end_ms is None else end_ms * MS, is_cut_packet)


@pytest.mark.parametrize(
    ("promised", "found", "missing"),
    [
        (promise(100), came([40] * 89, packets=90), 10),
        # What is broken came, and a frame too many is no loss.
        (promise(100), came([40] * 89, packets=100, broken=10), None),
        (promise(100), came([40] * 100, packets=101), None),
        (promise(end_ms=4000), came([40] * 89), 10),
        (promise(end_ms=4000), came([40] * 89, broken=10), None),
        # The length of a film is rounded.
        (promise(end_ms=4000), came([40] * 97), None),
        (promise(end_ms=4000), came([40] * 96), 3),
        (promise(end_ms=40_000), came([40] * 990), None),
        (promise(end_ms=40_000), came([40] * 988), 11),
        # Stamps in whole milliseconds are 33 and 34 by turns, and rounding adds up to nothing.
        (promise(end_ms=33_333), came([33, 33, 34] * 333), None),
        # Without a promise a hole shows by the rate, where something broke; else it is a pause.
        (promise(), came([40] * 40 + [840] + [40] * 40, broken=1), 19),
        (promise(), came([40] * 40 + [840] + [40] * 40), None),
        (promise(), came([40] * 99), None),
        (promise(), came([40] * 10 + [900, 70] * 10), None),
        (promise(), came([]), None),
        (promise(end_ms=9000), came([30, 200] * 30), 19),
        (promise(end_ms=7800), came([30, 200] * 30), None),
        (promise(is_cut_packet=True), came([40] * 99), 1),
        (promise(is_cut_packet=True), came([]), 1),
    ],
)
def test_what_came_is_held_against_what_was_promised(
    promised: Promise, found: Came, missing: int | None
) -> None:
    lack = shortfall(promised, found)
    assert (None if lack is None else lack.missing) == missing
