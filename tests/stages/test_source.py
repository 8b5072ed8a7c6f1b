"""The source on films that the tests make themselves."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from fashion_pipeline.stages.source import FilmSource
from tests.stages.source_kit import (
    COLORS_BGR,
    MS,
    assert_same,
    corners,
    film_of,
    make_source,
    numbered,
    play,
    resume_after,
    write_film,
)

# Films


def test_a_film_gives_each_frame_once_with_its_time_stamp(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 20)
    source = make_source(path)
    frames = list(source.frames(None))
    assert [frame.pts_ns for frame in frames] == [n * 100 * MS for n in range(20)]
    assert [frame.running_ns for frame in frames] == [frame.pts_ns for frame in frames]
    assert {(frame.epoch, frame.uri, frame.flags, frame.duration_ns) for frame in frames} == {
        (0, str(path), (), 100 * MS)
    }
    for number, frame in enumerate(frames):
        assert np.abs(frame.image_bgr.astype(int) - numbered(number)).mean() < 8
    assert (source.length, source.skipped, source.is_live(source.options)) == (20, {}, False)


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    pts_ms = [0, 33, 67, 500, 510, 1700, 1733]
    path = write_film(tmp_path / "film.mkv", [numbered(n) for n in range(7)], pts_ms)
    assert [frame.pts_ns for frame in play(path)] == [ms * MS for ms in pts_ms]


@pytest.mark.parametrize(
    ("rotation", "hflip"), [(0, False), (90, False), (-90, False), (180, False), (0, True), (90, True)]
)
def test_a_turned_film_comes_upright(tmp_path: Path, rotation: int, hflip: bool) -> None:
    path = write_film(
        tmp_path / "film.mp4", [corners()] * 2, pix_fmt="yuv444p", rotation=rotation, hflip=hflip
    )
    expected = np.rot90(corners(), rotation // 90)
    expected = expected[:, ::-1] if hflip else expected
    for frame in play(path):
        assert frame.image_bgr.flags.c_contiguous
        np.testing.assert_allclose(frame.image_bgr, expected, atol=8)


def test_width_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", [corners()] * 2, rotation=90)
    assert play(path, width=24)[0].image_bgr.shape == (32, 24, 3)
    assert play(path, width=640)[0].image_bgr.shape == (64, 48, 3)


BT601, BT709 = 5, 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize(
    "color",
    [
        None,
        (Colorspace.ITU601, BT601, ColorRange.MPEG),
        (Colorspace.ITU709, BT709, ColorRange.MPEG),
        (Colorspace.ITU709, BT709, ColorRange.JPEG),
    ],
)
def test_colors_are_right_at_any_depth_matrix_and_range(
    tmp_path: Path, pix_fmt: str, color: tuple[Colorspace, int, int] | None
) -> None:
    path = write_film(
        tmp_path / "film.mp4", [corners()] * 2, pix_fmt=pix_fmt, color=color, options={"qp": "1"}
    )
    image = play(path)[0].image_bgr
    assert image.dtype == np.uint8
    found = [image[12, 16], image[12, 48], image[36, 16], image[36, 48]]
    np.testing.assert_allclose(found, COLORS_BGR, atol=6)


def test_an_odd_size_is_kept(tmp_path: Path) -> None:
    images = [corners(63, 47)] * 2
    path = write_film(tmp_path / "film.mkv", images, pix_fmt="yuv420p", codec="ffv1")
    assert play(path)[0].image_bgr.shape == (47, 63, 3)


def interlaced(path: Path, count: int, first_interlaced: int = 0) -> Path:
    """A bar that moves 8 pixels between the two fields of a frame, on flat grey."""
    images = []
    for number in range(count):
        image = np.full((96, 128, 3), 60, np.uint8)
        for field in (0, 1):
            left = 10 + 2 * number + (8 * field if number >= first_interlaced else 0)
            image[field::2, left : left + 20] = 220
        images.append(image)
    return write_film(
        path, images, options={"x264-params": "tff=1:keyint=12:scenecut=0", "bf": "0", "qp": "10"}
    )


def combing(image: np.ndarray) -> float:
    """How much the odd lines differ from the even ones around them."""
    lines = image[..., 0].astype(float)
    return float(np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]).mean())


def test_an_interlaced_film_is_made_whole(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "film.mp4", 12)
    with av.open(str(path)) as container:
        raw = [
            (frame.interlaced_frame, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)
        ]
    frames = play(path)
    assert all(flag for flag, _image in raw)
    assert len(frames) == len(raw) == 12
    for (_flag, combed), frame in zip(raw[1:-1], frames[1:-1], strict=True):
        assert combing(frame.image_bgr) < combing(combed) / 3
        # One of the fields is kept, and it is this frame's: not the neighbour's, for which the filter waits.
        off = np.abs(frame.image_bgr.astype(int) - combed)
        assert min(off[0::2].mean(), off[1::2].mean()) < 3


def test_a_resumed_interlaced_film_goes_on_exactly(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "film.mp4", 30)
    whole = play(path)
    for count in (1, 2, 11, 12, 13, 24, 29):
        assert_same(play(path, resume_after(whole, count)), whole[count:])


# Properties


def test_loop_begins_again_and_running_time_goes_on(tmp_path: Path) -> None:
    frames = play(film_of(tmp_path / "film.mp4", 5), limit=12, loop=True)
    assert [frame.epoch for frame in frames] == [0] * 5 + [1] * 5 + [2] * 2
    assert [frame.pts_ns for frame in frames[5:10]] == [frame.pts_ns for frame in frames[:5]]
    assert [frame.running_ns for frame in frames] == [n * 100 * MS for n in range(12)]
    # What begins again does not continue what was before; a successor knows it too.
    breaks = [("DISCONT",) if number in (5, 10) else () for number in range(12)]
    assert [frame.flags for frame in frames] == breaks
    for count in (4, 5, 6):
        path = tmp_path / "film.mp4"
        after = play(path, resume_after(frames, count), limit=3, loop=True)
        assert [frame.flags for frame in after] == breaks[count : count + 3]


def test_start_and_duration_choose_a_part_and_running_time_begins_at_it(tmp_path: Path) -> None:
    path = film_of(tmp_path / "film.mp4", 40)
    whole = play(path)
    source = make_source(path, start=1.25, duration="500ms")
    frames = list(source.frames(None))
    assert [frame.pts_ns for frame in frames] == [n * 100 * MS for n in range(13, 18)]
    assert frames[0].running_ns == 50 * MS
    np.testing.assert_array_equal(frames[0].image_bgr, whole[13].image_bgr)
    assert source.length == 5


def test_max_fps_leaves_frames_out_and_counts_them(tmp_path: Path) -> None:
    source = make_source(film_of(tmp_path / "film.mp4", 40), **{"max-fps": 5})
    assert len(list(source.frames(None))) == 20
    assert source.skipped == {"max-fps": 20}
    assert source.length == 20


def test_a_frame_that_was_given_up_is_kept_as_a_picture(tmp_path: Path) -> None:
    picture_bgr = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    FilmSource.keep(tmp_path / "camera-00000007", picture_bgr)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "camera-00000007.png")), picture_bgr)
