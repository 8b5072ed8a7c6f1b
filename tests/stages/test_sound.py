"""The output film: the sound of the input beside its pictures, the format that its ending names, its colours."""

import dataclasses
import os
import urllib.parse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from fashion_pipeline.stages.media.uri import local_path
from fashion_pipeline.stages.recording.join import FORMATS, join
from fashion_pipeline.stages.video_sink import ENDINGS, VideoSink
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage
from tests.stages.sound_kit import TS_BYTES, film_with_sound, joined, tone
from tests.stages.source_kit import make_source, numbered, play, write_film

CLICK_MS = 1200
"""Where the click is in most of these films."""


@dataclasses.dataclass
class Annotated:
    """An input that went through source and sink, and what is to be said of the output."""

    path: Path
    captured: int
    remarks: list[str]
    sound: str
    """The coding of the sound, empty if there is none."""
    clicks_s: list[float]
    sound_s: tuple[float, float]
    """Where the sound begins and ends."""


def annotate(uri: object, output: Path, **properties: object) -> Annotated:
    """Play `uri` into a film as the graph does, and hold the film against what must be true of each."""
    sink = make_stage(VideoSink, {"location": str(output), "preset": "ultrafast"}, source="camera")
    sink.open_at(output, None)
    captured = 0
    for frame in make_source(uri, **properties).frames(None):
        sink.process(packet_of(frame, captured))
        captured += 1
    sink.finish()
    sink.close()
    assert VideoSink.count(output) == captured, "the film is not complete"
    assert b"moof" not in output.read_bytes(), "the film is not joined"
    assert [path.name for path in output.parent.iterdir() if path.name.endswith(".part")] == []
    assert len(sink.remarks()) <= 1
    with av.open(str(output)) as film:
        sound = film.streams.audio[0].codec_context.name if film.streams.audio else ""
    return Annotated(output, captured, sink.remarks(), sound, *(heard(output) if sound else ([], (0.0, 0.0))))


def packet_of(frame: Any, seq: int) -> Packet:
    made = make_packet(frame.image_bgr, seq=seq)
    made.pts_ns, made.running_ns, made.duration_ns = frame.pts_ns, frame.running_ns, frame.duration_ns
    made.epoch, made.uri, made.pixel_aspect_ratio = frame.epoch, frame.uri, frame.pixel_aspect_ratio
    return made


def heard(path: Path) -> tuple[list[float], tuple[float, float]]:
    """Decode the sound and say at which seconds clicks begin, and where it begins and ends."""
    clicks_s: list[float] = []
    times_s, last_loud_s = [], -1.0
    with av.open(str(path)) as film:
        for packet in film.demux(audio=0):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue  # damaged: a player goes on as well
            for frame in frames:
                begin_s = float(frame.pts * frame.time_base)
                times_s += [begin_s, begin_s + frame.samples / frame.sample_rate]
                samples = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
                scale = 32768 if frame.format.name.startswith("s16") else 1
                for at in np.flatnonzero(samples > 0.2 * scale):
                    loud_s = begin_s + at / frame.sample_rate
                    if loud_s - last_loud_s > 0.1:
                        clicks_s.append(loud_s)
                    last_loud_s = loud_s
    return clicks_s, (min(times_s, default=0.0), max(times_s, default=0.0))


def film(path: Path, sound_codec: str | None = "aac", **how: Any) -> Path:
    """Write 3 s of film with a click at CLICK_MS."""
    if path.suffix == ".avi":
        how.setdefault("codec", "mpeg4")
    how.setdefault("wave", tone(3000, CLICK_MS))
    return film_with_sound(path, count=75, sound_codec=sound_codec, **how)


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


# Damage


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


# Formats


@pytest.mark.parametrize(
    ("name", "format_", "begins"),
    [
        ("out.mkv", "matroska", b"\x1a\x45\xdf\xa3"),
        ("out.mov", "mov", b"\0\0\0\x14ftypqt  "),
        ("out.mp4", "mov", b"\0\0\0\x20ftypisom"),
        ("out.m4v", "mov", b"\0\0\0\x20ftypisom"),
        ("OUT.MKV", "matroska", b"\x1a\x45\xdf\xa3"),
    ],
)
def test_the_ending_names_the_format(tmp_path: Path, name: str, format_: str, begins: bytes) -> None:
    made = annotate(film(tmp_path / "film.mp4"), tmp_path / name)
    assert (made.captured, made.remarks, made.sound) == (75, [], "aac")
    assert made.path.read_bytes().startswith(begins)
    with av.open(str(made.path)) as output:
        assert output.format.name.split(",")[0] == format_
        assert output.streams.video[0].codec_context.name == "h264"
        times_s = [float(frame.pts * frame.time_base) for frame in output.decode(video=0)]
    assert times_s == pytest.approx([n * 0.04 for n in range(75)], abs=0.002)


@pytest.mark.parametrize("name", ["film.avi", "film.webm", "film.ts", "film"])
def test_another_ending_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(GraphError, match=r"writes \.mp4, \.mkv, \.mov, \.m4v; choose one") as refused:
        make_stage(VideoSink, {"location": f"out/{name}"})
    assert f"'out/{name}'" in str(refused.value)
    assert "e.g. out/film.mp4" in str(refused.value)


def test_each_ending_that_may_be_given_can_be_written() -> None:
    assert set(ENDINGS) == set(FORMATS)


# Colours


BT709, SMPTE170M, MPEG_RANGE = 1, 6, 1


@pytest.mark.parametrize(
    ("size_wh", "space"),
    [
        ((64, 48), SMPTE170M),
        ((1280, 718), SMPTE170M),
        ((1280, 720), BT709),
        ((720, 1280), BT709),
        ((718, 1280), SMPTE170M),
    ],
)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
def test_the_film_tells_its_colours(tmp_path: Path, name: str, size_wh: tuple[int, int], space: int) -> None:
    path = tmp_path / name
    write_pictures(path, [np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)])
    with av.open(str(path)) as output:
        context = output.streams.video[0].codec_context
        frame = next(output.decode(video=0))
        assert (context.colorspace, context.color_primaries, context.color_trc) == (space,) * 3
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (space,) * 3
        assert context.color_range == frame.color_range == MPEG_RANGE


def write_pictures(path: Path, images_bgr: list[np.ndarray]) -> None:
    sink = make_stage(VideoSink, {"location": str(path), "preset": "ultrafast", "crf": 10}, source="camera")
    sink.open_at(path, None)
    for seq, image_bgr in enumerate(images_bgr):
        sink.process(make_packet(image_bgr, seq=seq))
    sink.finish()
    sink.close()


def colour_of(path: Path) -> np.ndarray:
    """The colour in the middle of the first picture (RGB), converted by what the film says of itself."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.colorspace in (BT709, SMPTE170M, 5)
        matrix = Colorspace.ITU709 if frame.colorspace == BT709 else Colorspace.ITU601
        picture = frame.reformat(format="rgb24", src_colorspace=matrix).to_ndarray()
    middle: np.ndarray = picture[picture.shape[0] // 2, picture.shape[1] // 2].astype(int)
    return middle


@pytest.mark.parametrize("size_wh", [(1280, 720), (64, 48)])
@pytest.mark.parametrize(
    "color",
    [
        (Colorspace.ITU709, BT709, ColorRange.MPEG),
        (Colorspace.ITU601, 5, ColorRange.MPEG),
        (Colorspace.ITU709, BT709, ColorRange.JPEG),
    ],
    ids=["bt709", "bt601", "full-range"],
)
@pytest.mark.parametrize("color_bgr", [(40, 200, 60), (190, 50, 210)])
def test_a_film_keeps_its_colours_whatever_matrix_it_comes_in(
    tmp_path: Path, size_wh: tuple[int, int], color: tuple[Colorspace, int, int], color_bgr: tuple[int, ...]
) -> None:
    width, height = size_wh
    image_bgr = np.full((height, width, 3), color_bgr, np.uint8)
    path = write_film(tmp_path / "film.mp4", [image_bgr], color=color, options={"qp": "1"})
    (frame,) = play(path)
    write_pictures(tmp_path / "out.mp4", [frame.image_bgr])
    kept = colour_of(tmp_path / "out.mp4")
    if color[2] == ColorRange.MPEG:
        # By what is rounded on the way to pixels and back; another matrix would be off by 15 and more.
        assert np.abs(kept - colour_of(path)).max() <= 4
    assert np.abs(kept - frame.image_bgr[height // 2, width // 2, ::-1]).max() <= 4


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
