"""What JPEGs in a film say besides their picture: that they are to be turned, and much that PyAV has no name for."""

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from PIL import Image

from fashion_pipeline.stages.media.pictures import Turns, display_matrix
from tests.stages.source_kit import MS, assert_same, corners, make_source, play, resume_after

ORIENTATION, MAKER = 0x0112, 0x010F
"""Numbers of EXIF tags."""

TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90,
}
"""What each EXIF orientation does to a stored picture."""


def jpeg(image_bgr: np.ndarray, orientation: int | None = None) -> bytes:
    """A JPEG as a camera writes it."""
    exif = Image.Exif()
    exif[MAKER] = "a camera"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    coded = io.BytesIO()
    Image.fromarray(image_bgr[..., ::-1]).save(coded, "JPEG", quality=95, subsampling=0, exif=exif)
    return coded.getvalue()


def film_of_jpegs(path: Path, jpegs: Sequence[bytes]) -> Path:
    """Write JPEGs into a film as they are, 25 a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        container.start_encoding()
        for number, data in enumerate(jpegs):
            packet = av.Packet(data)
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.duration, packet.time_base = 1, Fraction(1, 25)
            container.mux(packet)
    return path


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("name", ["film.avi", "film.mkv", "film.mp4"])
def test_a_film_of_jpegs_with_exif_data_plays(tmp_path: Path, name: str) -> None:
    source = make_source(film_of_jpegs(tmp_path / name, [jpeg(corners())] * 20))
    frames = list(source.frames(None))
    assert [frame.running_ns for frame in frames] == [number * 40 * MS for number in range(20)]
    assert source.skipped == {}
    for frame in frames:
        np.testing.assert_allclose(frame.image_bgr, corners(), atol=8)


def test_side_data_that_pyav_has_no_name_for_is_there(tmp_path: Path) -> None:
    frame = first_frame(film_of_jpegs(tmp_path / "film.mkv", [jpeg(corners(), 6)]))
    turns = Turns()
    assert turns.matrix(frame) == (0, 1, -1, 0)
    assert turns.is_on_its_side(frame)
    unknown = [item.type for item in frame.side_data if item.type.name.startswith("UNKNOWN")]
    assert len(unknown) == 1  # the EXIF data itself


def test_kinds_of_side_data_that_have_a_name_keep_it() -> None:
    Turns()
    assert Type(6) is Type.DISPLAYMATRIX
    assert (Type(9999).name, Type(9999).value) == ("UNKNOWN_9999", 9999)
    assert Type(9999) not in list(Type)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("name", ["film.avi", "film.mkv"])
def test_the_orientation_in_exif_data_turns_the_picture(tmp_path: Path, name: str, orientation: int) -> None:
    path = film_of_jpegs(tmp_path / name, [jpeg(corners(), orientation)] * 5)
    Turns()
    assert (display_matrix(first_frame(path)) is None) == (orientation == 1)
    frames = play(path)
    assert len(frames) == 5
    expected = TURNED[orientation](corners())
    for frame in frames:
        assert frame.image_bgr.shape == expected.shape
        assert frame.image_bgr.flags.c_contiguous
        np.testing.assert_allclose(frame.image_bgr, expected, atol=8)


def test_pictures_that_are_turned_in_the_middle_of_a_film_are_turned_there(tmp_path: Path) -> None:
    orientations = [1, 1, 6, 6, 3, 3, 8, 1]
    path = film_of_jpegs(
        tmp_path / "film.mkv", [jpeg(corners(), orientation) for orientation in orientations]
    )
    whole = play(path)
    for frame, orientation in zip(whole, orientations, strict=True):
        np.testing.assert_allclose(frame.image_bgr, TURNED[orientation](corners()), atol=8)
    for count in range(1, 8):
        assert_same(play(path, resume_after(whole, count)), whole[count:])


def test_width_is_that_of_the_turned_picture(tmp_path: Path) -> None:
    path = film_of_jpegs(tmp_path / "film.mkv", [jpeg(corners(), 6)])
    assert play(path)[0].image_bgr.shape == (64, 48, 3)
    assert play(path, width=24)[0].image_bgr.shape == (32, 24, 3)
