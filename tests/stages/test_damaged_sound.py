"""Damaged sound costs the output film no picture, and no more sound than must be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from fashion_pipeline.stages.recording.join import join
from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.testing import make_packet, make_stage
from tests.stages.sound_kit import TS_BYTES, annotate, film
from tests.stages.source_kit import numbered


def sound_at(path: Path, *, begins_only: bool = False) -> list[int]:
    """Where the packets of a transport stream are that carry its sound."""
    with av.open(str(path)) as container:
        pid = container.streams.audio[0].id
    data = path.read_bytes()
    return [
        at
        for at in range(0, len(data), TS_BYTES)
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] == pid and (not begins_only or data[at + 1] & 0x40)
    ]


@pytest.mark.parametrize("sound_codec", ["aac", "libmp3lame", "ac3"])
@pytest.mark.parametrize("kept", [0, 4], ids=["whole-packets", "all-but-their-heads"])
def test_damaged_sound_in_a_transport_stream_costs_no_more_than_itself(
    tmp_path: Path, sound_codec: str, kept: int
) -> None:
    path = film(tmp_path / "film.ts", sound_codec)
    data = bytearray(path.read_bytes())
    places = sound_at(path)
    for at in places[len(places) * 2 // 3 :][:4]:
        data[at + kept : at + TS_BYTES] = b"\xff" * (TS_BYTES - kept)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        begin_s = container.streams.video[0].start_time * container.streams.video[0].time_base
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        whole = [packet for packet in packets if not packet.is_corrupt]
        copied = [packet for packet in whole if 0 <= packet.pts * packet.time_base - begin_s < 3]
    assert len(whole) < len(packets) or sound_codec != "ac3"
    made = annotate(path, tmp_path / "out.mp4")
    assert made.captured == 75
    with av.open(str(made.path)) as output:
        assert sum(packet.size > 0 for packet in output.demux(audio=0)) == len(copied)
    assert made.clicks_s == pytest.approx([1.2], abs=0.05)
    assert made.sound_s == pytest.approx((0, 3), abs=0.05)


@pytest.mark.parametrize("sound_codec", ["aac", "libmp3lame", "mp2", "ac3"])
def test_sound_of_which_nothing_is_left_costs_no_picture(tmp_path: Path, sound_codec: str) -> None:
    path = film(tmp_path / "film.ts", sound_codec)
    data = bytearray(path.read_bytes())
    for at in sound_at(path)[2:]:
        data[at + 20 : at + TS_BYTES] = b"\xff" * (TS_BYTES - 20)
    path.write_bytes(data)
    assert annotate(path, tmp_path / "out.mp4").captured == 75


def set_pts(data: bytearray, at: int, pts: int) -> None:
    """Write a time stamp into the transport packet at `at`, with which a piece of sound begins."""
    begin = at + (5 + data[at + 4] if data[at + 3] & 0x20 else 4)
    assert data[begin : begin + 3] == b"\0\0\1"
    assert data[begin + 7] & 0x80
    data[begin + 9] = data[begin + 9] & 0xF1 | pts >> 29 & 0x0E
    data[begin + 10] = pts >> 22 & 0xFF
    data[begin + 11] = pts >> 14 & 0xFE | 1
    data[begin + 12] = pts >> 7 & 0xFF
    data[begin + 13] = pts << 1 & 0xFE | 1


@pytest.mark.parametrize("sound_codec", ["aac", "libmp3lame"])
@pytest.mark.parametrize(
    "order", [lambda n: 90_000, lambda n: 90_000 - 3000 * (n - 10)], ids=["repeated", "going-back"]
)
def test_sound_whose_stamps_do_not_rise_is_left_out_until_they_do(
    tmp_path: Path, sound_codec: str, order: Callable[[int], int]
) -> None:
    path = film(tmp_path / "film.ts", sound_codec)
    data = bytearray(path.read_bytes())
    for number, at in enumerate(sound_at(path, begins_only=True)):
        if 10 <= number < 15:
            set_pts(data, at, order(number))
    path.write_bytes(data)
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.remarks) == (75, [])
    with av.open(str(made.path)) as output:
        stamps = [packet.dts for packet in output.demux(audio=0) if packet.size]
    assert stamps == sorted(set(stamps))
    assert made.clicks_s == pytest.approx([1.2], abs=0.05)
    assert made.sound_s[1] == pytest.approx(3, abs=0.05)


def test_sound_that_no_format_takes_is_one_remark_and_the_film_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: object) -> None:
            raise av.error.InvalidDataError(1, "it hums")

    monkeypatch.setattr("fashion_pipeline.stages.recording.join.Sound", Broken)
    path = film(tmp_path / "film.mp4")
    made = annotate(path, tmp_path / "out.mp4")
    assert (made.captured, made.sound) == (75, "")
    assert made.remarks == [f"out.mp4: no sound: that of {path} cannot be copied: it hums"]


def test_sound_that_fails_in_the_middle_leaves_the_film_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hums(_self: object, _end_ns: int) -> Any:
        yield from ()
        raise ValueError("it hums")

    monkeypatch.setattr("fashion_pipeline.stages.recording.sound.Sound.packets", hums)
    made = annotate(film(tmp_path / "film.mp4"), tmp_path / "out.mp4")
    assert (made.captured, made.sound) == (75, "")
    assert len(made.remarks) == 1


def test_a_film_that_cannot_be_joined_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    sink = make_stage(VideoSink, {"location": str(path)}, source="camera")
    sink.open_at(path, None)
    sink.process(make_packet(numbered(0)))
    sink.close()
    before = path.read_bytes()

    def full(*_: object) -> None:
        (tmp_path / ".out.mp4.part").write_bytes(b"half a film")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fashion_pipeline.stages.recording.join._write", full)
    with pytest.raises(OSError, match="No space left"):
        join(path, "")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
