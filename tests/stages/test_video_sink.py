"""The film sink on its own: timing, sizes, sound, and going on after a cut at any frame."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fashion_pipeline.stages.recording.fragments import with_lengths
from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context, Cut

NS = 10**9


def make_sink(**properties: object) -> VideoSink:
    options = read_options(VideoSink.Options, {"location": "unused", "preset": "ultrafast", **properties})
    return VideoSink(options, Context(name="film", source="camera"))


def packet(seq: int, running_ns: int, size_wh: tuple[int, int] = (64, 48), **more: object) -> Packet:
    width, height = size_wh
    image_bgr = np.full((height, width, 3), (seq * 7) % 200, np.uint8)
    made = Packet(
        source="camera",
        seq=seq,
        prev_seq=seq - 1,
        running_ns=running_ns,
        pts_ns=running_ns,
        size_wh=size_wh,
        **more,  # type: ignore[arg-type]
    )
    made.image_bgr = image_bgr
    return made


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as film:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="bgr24"))
            for frame in film.decode(video=0)
        ]


def write(sink: VideoSink, path: Path, packets: list[Packet], cut: Cut | None = None) -> None:
    sink.open_at(path, cut)
    for made in packets:
        sink.process(made)


def test_times_of_a_film_with_a_variable_rate_are_kept(tmp_path: Path) -> None:
    times_ns = [0, 33_000_000, 40_000_000, 500_000_000, 2 * NS, 2 * NS + 11_111_111]
    sink = make_sink()
    write(sink, tmp_path / "film.mp4", [packet(seq, time_ns) for seq, time_ns in enumerate(times_ns)])
    sink.finish()
    found = [time_s for time_s, _picture in pictures(tmp_path / "film.mp4")]
    assert found == pytest.approx([time_ns / NS for time_ns in times_ns], abs=1e-4)


def test_a_film_that_begins_late_begins_late(tmp_path: Path) -> None:
    sink = make_sink()
    write(sink, tmp_path / "film.mp4", [packet(seq, NS + seq * 40_000_000) for seq in range(5)])
    sink.finish()
    assert pictures(tmp_path / "film.mp4")[0][0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("cut_after", [0, 1, 7, 19])
def test_a_film_cut_back_and_gone_on_with_is_a_whole_film(tmp_path: Path, cut_after: int) -> None:
    path = tmp_path / "film.mp4"
    packets = [packet(seq, seq * 40_000_000) for seq in range(20)]
    first = make_sink()
    write(first, path, packets[:cut_after])
    cut = first.position()
    for made in packets[cut_after : cut_after + 3]:
        first.process(made)
    with path.open("ab") as torn:
        torn.write(b"half a fragment")
    first.close()
    second = make_sink()
    write(second, path, packets[cut_after:], cut)
    second.finish()
    found = pictures(path)
    assert [time_s for time_s, _picture in found] == pytest.approx(
        [seq * 0.04 for seq in range(20)], abs=1e-4
    )
    for made, (_time_s, picture) in zip(packets, found, strict=True):
        assert abs(int(picture.mean()) - int(made.image_bgr.mean())) <= 6


def test_a_film_is_whole_after_every_frame(tmp_path: Path) -> None:
    sink = make_sink()
    path = tmp_path / "film.mp4"
    sink.open_at(path, None)
    for seq in range(6):
        sink.process(packet(seq, seq * 40_000_000))
        assert len(pictures(path)) == seq + 1


def test_a_sink_that_died_after_joining_leaves_the_joined_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    first = make_sink()
    write(first, path, [packet(seq, seq * 40_000_000) for seq in range(6)])
    cut = first.position()
    first.finish()
    joined = path.read_bytes()
    second = make_sink()
    second.open_at(path, cut)
    second.finish()
    assert path.read_bytes() == joined
    assert len(pictures(path)) == 6
    assert second.remarks() == first.remarks() != []


@pytest.mark.parametrize("size_wh", [(64, 48), (63, 47), (65, 33), (16, 16)])
def test_odd_sizes_are_rounded_up_to_even(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    sink = make_sink()
    write(sink, tmp_path / "film.mp4", [packet(0, 0, size_wh), packet(1, 40_000_000, size_wh)])
    sink.finish()
    height, width = pictures(tmp_path / "film.mp4")[0][1].shape[:2]
    assert (width, height) == (size_wh[0] + size_wh[0] % 2, size_wh[1] + size_wh[1] % 2)


def test_pictures_of_other_sizes_are_letterboxed_to_the_first(tmp_path: Path) -> None:
    sink = make_sink()
    person = {"box": [0.0, 0.0, 200.0, 100.0], "score": 0.9, "garments": []}
    sizes = [(64, 48), (200, 100), (32, 64)]
    made = [packet(seq, seq * 40_000_000, size_wh) for seq, size_wh in enumerate(sizes)]
    made[1].meta["people"] = [person]
    write(sink, tmp_path / "film.mp4", made)
    sink.finish()
    for _time_s, picture in pictures(tmp_path / "film.mp4"):
        assert picture.shape == (48, 64, 3)
    assert pictures(tmp_path / "film.mp4")[2][1][:, :8].max() < 30


def test_a_frame_that_was_not_analysed_says_so(tmp_path: Path) -> None:
    sink = make_sink()
    gap = packet(1, 40_000_000, (640, 480), status="failed(detect)")
    write(sink, tmp_path / "film.mp4", [packet(1, 0, (640, 480)), gap])
    sink.finish()
    (_t0, plain), (_t1, marked) = pictures(tmp_path / "film.mp4")
    assert np.abs(plain.astype(int) - marked.astype(int)).max() > 80


def film_with_sound(path: Path, codec: str) -> None:
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = film.add_stream(codec, rate=48000)
        for seq in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), seq, np.uint8), format="bgr24")
            film.mux(video.encode(frame))
        wave = (np.sin(np.arange(96_000) * 0.05) * 8000).astype(np.int16)
        for start in range(0, 96_000, 1024):
            sound = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "s16", "mono")
            sound.sample_rate, sound.pts, sound.time_base = 48000, start, Fraction(1, 48000)
            film.mux(audio.encode(sound))
        film.mux(video.encode(None))
        film.mux(audio.encode(None))


def test_the_sound_of_the_input_is_copied_as_far_as_the_pictures_go(tmp_path: Path) -> None:
    film_with_sound(tmp_path / "input.mp4", "aac")
    sink = make_sink()
    uri = str(tmp_path / "input.mp4")
    write(sink, tmp_path / "film.mp4", [packet(seq, seq * 40_000_000, uri=uri) for seq in range(25)])
    sink.finish()
    assert sink.remarks() == []
    with av.open(str(tmp_path / "film.mp4")) as film:
        sound = film.streams.audio[0]
        assert sound.codec_context.name == "aac"
        samples = sum(frame.samples for frame in film.decode(sound))
        assert samples / 48000 == pytest.approx(1.0, abs=0.1)
    assert len(pictures(tmp_path / "film.mp4")) == 25


@pytest.mark.parametrize(
    ("codec", "name", "remark"),
    [("pcm_s16le", "input.mkv", "no sound: pcm_s16le does not fit into MP4")],
)
def test_sound_that_cannot_be_copied_is_said_to_be_missing(
    tmp_path: Path, codec: str, name: str, remark: str
) -> None:
    film_with_sound(tmp_path / name, codec)
    sink = make_sink()
    write(sink, tmp_path / "film.mp4", [packet(0, 0, uri=str(tmp_path / name))])
    sink.finish()
    assert sink.remarks() == [f"film.mp4: {remark}"]


def test_a_film_without_a_frame_is_said_to_be_empty(tmp_path: Path) -> None:
    sink = make_sink()
    sink.open_at(tmp_path / "film.mp4", None)
    sink.finish()
    assert sink.remarks() == ["film.mp4: no frame came"]


@pytest.mark.parametrize(
    ("annex_b", "expected"),
    [
        (b"", b""),
        (b"\0\0\0\1\x65\x88", b"\0\0\0\2\x65\x88"),
        (b"\0\0\1\x09\x10\0\0\0\1\x65\x01\x02", b"\0\0\0\2\x09\x10\0\0\0\3\x65\x01\x02"),
    ],
)
def test_start_codes_become_lengths(annex_b: bytes, expected: bytes) -> None:
    assert with_lengths(annex_b) == expected
