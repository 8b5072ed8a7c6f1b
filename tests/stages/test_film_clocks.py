"""The clocks of films: hours that they begin with, a counter that wraps, pieces that were joined, pauses."""

import logging
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from fashion_pipeline.stages.media.jumps import Jumps
from tests.stages.sound_kit import film_with_sound, joined
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

HOUR_MS = 3_600_000
WRAP_MS = 2**33 / 90
"""After so long a transport stream's clock of 33 bits begins anew."""


def piece(path: Path, begin_ms: float = 0, *, count: int = 30, bf: int = 0, **how: Any) -> Path:
    """A film of 10 frames a second whose clock is at `begin_ms` when it begins."""
    return write_film(
        path,
        [numbered(number) for number in range(count)],
        [round(begin_ms) + number * 100 for number in range(count)],
        options={"bf": str(bf)},
        **how,
    )


def with_gap(path: Path, gap_ms: int) -> Path:
    """A film of 10 frames a second, and 10 more after a pause."""
    pts_ms = [n * 100 for n in range(10)]
    pts_ms += [pts_ms[-1] + gap_ms + n * 100 for n in range(10)]
    return write_film(path, [numbered(n) for n in range(20)], pts_ms, options={"bf": "0"})


def jumps_said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "its clock jumps" in record.message]


def running_ms(frames: list[Any]) -> list[float]:
    return [frame.running_ns / MS for frame in frames]


# Pieces that were joined


@pytest.mark.parametrize("bf", [0, 3])
@pytest.mark.parametrize(
    ("first_ms", "second_ms"), [(0, 0), (1000, 1000), (2 * HOUR_MS, 1000), (1000, 2 * HOUR_MS)]
)
def test_two_pieces_joined_byte_by_byte_play_whole_and_the_jump_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bf: int, first_ms: int, second_ms: int
) -> None:
    first = piece(tmp_path / "first.ts", first_ms, bf=bf)
    second = piece(tmp_path / "second.ts", second_ms, bf=bf)
    path = joined(tmp_path / "film.ts", first, second)
    source = make_source(path)
    frames = list(source.frames(None))
    assert running_ms(frames) == [n * 100 for n in range(60)]
    assert {frame.duration_ns for frame in frames} == {100 * MS}
    # Nothing is damaged at the joint, though the counters of the format jump there too.
    assert {frame.flags for frame in frames} == {()}
    assert source.skipped == {}
    assert len(jumps_said(caplog)) == 1
    if bf == 0 and first_ms == second_ms == 1000:
        assert jumps_said(caplog)[0] == (
            f"{path}: its clock jumps back by 2.9 s at 3.9 s; the pictures go on without a break"
        )
    for found, alone in zip(frames, [*play(first), *play(second)], strict=True):
        np.testing.assert_array_equal(found.image_bgr, alone.image_bgr)


def test_the_jumps_of_three_pieces_are_said_one_by_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = film_with_sound(tmp_path / "one.ts")
    other = film_with_sound(tmp_path / "other.ts", begin_ms=HOUR_MS)
    frames = play(joined(tmp_path / "film.ts", one, other, one))
    assert running_ms(frames) == [n * 40 for n in range(150)]
    assert ["on" in said.partition(" by ")[0] for said in jumps_said(caplog)] == [True, False]


def test_pieces_of_few_frames_have_frames_of_their_usual_duration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = piece(tmp_path / "first.ts", 2 * HOUR_MS, count=20)
    frames = play(joined(tmp_path / "film.ts", first, piece(tmp_path / "second.ts", 1000, count=20)))
    assert running_ms(frames) == [n * 100 for n in range(40)]
    assert {frame.duration_ns for frame in frames} == {100 * MS}
    # FFmpeg takes the jump for a wrap of the clock; what is said is the jump.
    assert "its clock jumps back by 7200.9 s" in jumps_said(caplog)[0]


def test_a_film_without_a_jump_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("film.ts", "film.mp4", "film.mkv"):
        assert len(play(piece(tmp_path / name, 1000, bf=3))) == 30
    assert caplog.records == []


@pytest.mark.parametrize("bf", [0, 3])
@pytest.mark.parametrize(("first_ms", "second_ms"), [(HOUR_MS, 1000), (1000, HOUR_MS), (6000, 2000)])
def test_a_successor_in_the_middle_of_joined_pieces_gives_what_an_unbroken_playing_gives(
    tmp_path: Path, bf: int, first_ms: int, second_ms: int
) -> None:
    first = piece(tmp_path / "first.ts", first_ms, bf=bf)
    # In the last of these cases a stamp behind the joint is also the raw one of a later frame.
    second = piece(tmp_path / "second.ts", second_ms, bf=bf, count=80)
    path = joined(tmp_path / "film.ts", first, second)
    whole = play(path)
    assert len(whole) == 110
    for count in (1, 13, 29, 30, 31, 43, 61):
        assert_same(play(path, resume_after(whole, count), limit=20), whole[count : count + 20])


def test_joined_pieces_loop_and_are_cut_to_a_part_by_running_time(tmp_path: Path) -> None:
    first = piece(tmp_path / "first.ts", HOUR_MS)
    path = joined(tmp_path / "film.ts", first, piece(tmp_path / "second.ts", 1000))
    assert running_ms(play(path, limit=90, loop=True)) == [n * 100 for n in range(90)]
    whole, part = play(path), play(path, start=2.5, duration=1.0)
    assert running_ms(part) == [n * 100 for n in range(10)]
    for found, expected in zip(part, whole[25:35], strict=True):
        np.testing.assert_array_equal(found.image_bgr, expected.image_bgr)


# Clocks that begin late, and that wrap


@pytest.mark.parametrize("name", ["film.ts", "film.mkv", "film.mp4"])
def test_running_time_begins_at_0_whatever_the_clock_of_the_film_says(tmp_path: Path, name: str) -> None:
    path = piece(tmp_path / name, 10 * HOUR_MS)
    frames = play(path)
    assert frames[0].pts_ns == 36_000 * SECOND
    assert running_ms(frames) == [n * 100 for n in range(30)]
    # So do start and duration, and the successor of a process that died.
    part = play(path, start=1.0, duration="500ms")
    assert running_ms(part) == [n * 100 for n in range(5)]
    assert part[0].pts_ns == 36_001 * SECOND
    assert_same(play(path, resume_after(frames, 13)), frames[13:])


@pytest.mark.parametrize("bf", [0, 3])
@pytest.mark.parametrize("before_ms", [500, 1000, 2500])
def test_a_clock_that_wraps_in_the_middle_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bf: int, before_ms: int
) -> None:
    path = piece(tmp_path / "film.ts", WRAP_MS - before_ms, bf=bf)
    stamps = [int(stamp) for stamp in raw_stamps(path)]
    assert max(stamps) - min(stamps) > 2**32, "the film does not wrap"
    source = make_source(path)
    frames = list(source.frames(None))
    assert running_ms(frames) == pytest.approx([n * 100 for n in range(30)], abs=0.1)
    assert {round(frame.duration_ns / MS) for frame in frames} == {100}
    assert (source.skipped, caplog.records) == ({}, [])
    assert_same(play(path, resume_after(frames, 14)), frames[14:])


def raw_stamps(path: Path) -> list[int]:
    """The presentation stamps of the pictures as they stand in a transport stream, before FFmpeg mends them."""
    found = []
    data = path.read_bytes()
    for at in range(0, len(data), 188):
        head = data[at : at + 188]
        is_start = head[1] & 0x40
        begin = 5 + head[4] if head[3] & 0x20 else 4
        pes = head[begin:]
        if is_start and pes[:3] == b"\0\0\1" and pes[3] >> 4 == 0xE and pes[7] & 0x80:
            high, middle, low = pes[9] >> 1 & 7, (pes[10] << 8 | pes[11]) >> 1, (pes[12] << 8 | pes[13]) >> 1
            found.append(high << 30 | middle << 15 | low)
    return found


# Pauses


def test_a_jump_forward_of_over_10_s_in_a_transport_stream_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = play(with_gap(tmp_path / "film.ts", 14_100))
    assert running_ms(frames) == [n * 100 for n in range(20)]
    assert len(jumps_said(caplog)) == 1
    assert "its clock jumps on by 14.1 s at 0.9 s" in jumps_said(caplog)[0]


@pytest.mark.parametrize(
    ("name", "gap_ms"),
    [("film.mp4", 14_100), ("film.mkv", 14_100), ("film.mov", HOUR_MS), ("film.ts", 9_000)],
)
def test_a_pause_that_is_meant_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, gap_ms: int
) -> None:
    frames = play(with_gap(tmp_path / name, gap_ms))
    expected = [n * 100 for n in range(10)]
    assert running_ms(frames) == expected + [900 + gap_ms + ms for ms in expected]
    assert jumps_said(caplog) == []


# Pictures that begin after the sound


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov"])
@pytest.mark.parametrize("hours", [0, 10])
def test_pictures_that_begin_after_the_sound_begin_after_it_in_running_time(
    tmp_path: Path, name: str, hours: int
) -> None:
    codec = "pcm_s16le" if name.endswith("mov") else "flac"
    path = film_with_sound(
        tmp_path / name,
        begin_ms=hours * HOUR_MS + 700,
        sound_begin_ms=hours * HOUR_MS,
        sound_codec=codec,
    )
    frames = play(path)
    assert running_ms(frames) == pytest.approx([700 + n * 40 for n in range(50)], abs=1e-3)
    assert_same(play(path, resume_after(frames, 20)), frames[20:])


def test_pictures_that_begin_after_the_sound_do_so_in_a_transport_stream_too(tmp_path: Path) -> None:
    path = film_with_sound(tmp_path / "film.ts", begin_ms=700, sound_begin_ms=0)
    with av.open(str(path)) as film:
        begin_s = [
            float(stream.start_time * stream.time_base)
            for stream in (*film.streams.video, *film.streams.audio)
        ]
    delay_s = begin_s[0] - begin_s[1]
    assert 0.7 <= delay_s < 0.73  # an encoder of sound begins with a little silence of its own
    assert play(path)[0].running_ns == pytest.approx(delay_s * 1e9, abs=1000)


@pytest.mark.parametrize(
    ("begin_ms", "sound_begin_ms"),
    [(100, 0), (0, 700), (100_000, 0)],
    ids=["interleaved", "sound-later", "a-clock-of-its-own"],
)
def test_other_distances_of_sound_and_pictures_delay_nothing(
    tmp_path: Path, begin_ms: int, sound_begin_ms: int
) -> None:
    path = film_with_sound(tmp_path / "film.mkv", begin_ms=begin_ms, sound_begin_ms=sound_begin_ms)
    assert play(path)[0].running_ns == 0


def test_start_counts_from_the_first_picture_though_the_sound_begins_earlier(tmp_path: Path) -> None:
    path = film_with_sound(tmp_path / "film.mkv", begin_ms=700, sound_begin_ms=0, sound_codec="flac")
    part = play(path, start=0.4)
    assert (part[0].pts_ns, part[0].running_ns) == (1100 * MS, 0)


# The rule itself


def moved(stamps_ms: list[int | None], **how: Any) -> list[int | None]:
    """What becomes of packets with these stamps, one every 40 ms."""
    jumps = Jumps(40 * MS, is_active=True, **how)
    packets = [SimpleNamespace(pos=None, pts=ms, dts=ms, time_base=Fraction(1, 1000)) for ms in stamps_ms]
    for packet in packets:
        jumps.move(packet)  # type: ignore[arg-type]
    assert [packet.dts for packet in packets] == [packet.pts for packet in packets]
    return [packet.pts for packet in packets]


@pytest.mark.parametrize(
    ("stamps_ms", "expected"),
    [
        ([400, 440, 480, 0, 40], [400, 440, 480, 520, 560]),
        ([0, 40, 80, 20_000, 20_040, 0], [0, 40, 80, 120, 160, 200]),
        # A little back is a matter of order, and up to 10 s on a pause.
        ([0, 40, 80, 30, 120], [0, 40, 80, 30, 120]),
        ([0, 40, 10_040, 10_080], [0, 40, 10_040, 10_080]),
        ([0, 40, None, 120], [0, 40, None, 120]),
    ],
)
def test_a_jump_is_closed_by_one_usual_duration(
    stamps_ms: list[int | None], expected: list[int | None]
) -> None:
    assert moved(stamps_ms) == expected


def test_in_a_film_of_few_frames_a_jump_is_longer_than_ten_of_them() -> None:
    jumps = Jumps(5 * SECOND, is_active=True)
    packets = [
        SimpleNamespace(pos=None, pts=s, dts=s, time_base=Fraction(1)) for s in (0, 5, 10, 59, 64, 164)
    ]
    for packet in packets:
        jumps.move(packet)  # type: ignore[arg-type]
    assert [packet.pts for packet in packets] == [0, 5, 10, 59, 64, 69]
    assert len(jumps.offsets_ns) == 2


def test_formats_whose_clock_does_not_jump_are_left_alone() -> None:
    said: list[str] = []
    jumps = Jumps(40 * MS, is_active=False, on_jump=said.append)
    packets = [
        SimpleNamespace(pos=None, pts=ms, dts=ms, time_base=Fraction(1, 1000)) for ms in (0, 40, 0, 90_000)
    ]
    for packet in packets:
        jumps.move(packet)  # type: ignore[arg-type]
    assert [packet.pts for packet in packets] == [0, 40, 0, 90_000]
    assert (said, jumps.offsets_ns) == ([], [0])


def test_a_jump_is_said_with_its_length_and_its_place() -> None:
    said: list[str] = []
    moved([10_000, 10_040, 4_000], on_jump=said.append)
    assert said == ["its clock jumps back by 6.0 s at 10.0 s; the pictures go on without a break"]


@pytest.fixture(autouse=True)
def warnings_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
