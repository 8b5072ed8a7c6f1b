"""The source on images."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.properties import read_options
from stages.source import FilmSource
from tests.stages.source_kit import (
    SECOND,
    assert_same,
    corners,
    film_of,
    make_source,
    numbered,
    play,
    resume_after,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "images"
    path.mkdir()
    for number in (1, 2, 9, 10):
        cv2.imwrite(str(path / f"photo{number}.png"), numbered(number))
    (path / "notes.txt").write_text("not an image")
    return path


def test_each_image_of_a_folder_is_a_segment_of_its_own(folder: Path) -> None:
    source = make_source(folder, rate=2)
    frames = list(source.frames(None))
    assert [Path(frame.uri).name for frame in frames] == [f"photo{n}.png" for n in (1, 2, 9, 10)]
    assert [frame.epoch for frame in frames] == [0, 1, 2, 3]
    assert [frame.running_ns for frame in frames] == [n * SECOND // 2 for n in range(4)]
    np.testing.assert_array_equal(frames[3].image_bgr, numbered(10))
    assert source.length == 4


def test_a_glob_and_a_single_image_are_inputs_too(folder: Path) -> None:
    assert [Path(frame.uri).name for frame in play(folder / "photo1*.png")] == ["photo1.png", "photo10.png"]
    assert len(play(folder / "photo9.png")) == 1


def test_images_loop_and_go_on_exactly(folder: Path) -> None:
    whole = play(folder, limit=11, loop=True)
    assert [frame.epoch for frame in whole] == list(range(11))
    assert [frame.running_ns for frame in whole] == [n * SECOND for n in range(11)]
    for count in range(1, 8):
        assert_same(play(folder, resume_after(whole, count), limit=3, loop=True), whole[count : count + 3])


def test_an_unreadable_image_is_skipped_and_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photo2.png").write_bytes(b"not a png")
    source = make_source(folder)
    assert [frame.epoch for frame in source.frames(None)] == [0, 2, 3]
    assert source.skipped == {"broken": 1}
    assert "photo2.png" in caplog.text


def exif_with_orientation(orientation: int) -> bytes:
    """An APP1 segment with one TIFF tag."""
    tiff = (
        b"II*\0\x08\0\0\0"
        + b"\x01\0"
        + b"\x12\x01\x03\0\x01\0\0\0"
        + bytes([orientation, 0, 0, 0])
        + bytes(4)
    )
    return b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"),
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, -1, False), (8, 1, False)],
)
def test_the_exif_orientation_is_obeyed(tmp_path: Path, orientation: int, turns: int, mirrored: bool) -> None:
    coded = cv2.imencode(".jpg", corners(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    path = tmp_path / "photo.jpg"
    path.write_bytes(coded[:2] + exif_with_orientation(orientation) + coded[2:])
    expected = np.rot90(corners(), turns)
    expected = expected[:, ::-1] if mirrored else expected
    image = play(path)[0].image_bgr
    assert image.shape == expected.shape
    height, width = expected.shape[:2]
    for row, column in itertools.product((height // 4, 3 * height // 4), (width // 4, 3 * width // 4)):
        np.testing.assert_allclose(image[row, column], expected[row, column], atol=6)


def test_the_fingerprint_tells_one_input_from_another(tmp_path: Path, folder: Path) -> None:
    film = film_of(tmp_path / "a.mp4", 5)
    copy = tmp_path / "b.mp4"
    copy.write_bytes(film.read_bytes())
    other = film_of(tmp_path / "c.mp4", 6)

    def fingerprint(uri: object) -> str:
        return FilmSource.fingerprint(read_options(FilmSource.Options, {"uri": str(uri)}))

    assert fingerprint(film) == fingerprint(copy) != fingerprint(other)
    before = fingerprint(folder)
    cv2.imwrite(str(folder / "photo3.png"), numbered(3))
    assert fingerprint(folder) != before
    assert fingerprint("rtsp://host/a") == ""
