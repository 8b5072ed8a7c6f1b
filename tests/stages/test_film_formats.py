"""The output film: the format that its ending names, and its colours."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from fashion_pipeline.stages.recording.join import FORMATS
from fashion_pipeline.stages.video_sink import ENDINGS, VideoSink
from framegraph.errors import GraphError
from framegraph.testing import make_packet, make_stage
from tests.stages.sound_kit import annotate, film
from tests.stages.source_kit import play, write_film


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
