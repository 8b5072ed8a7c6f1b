"""The source on images."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fashion_pipeline.stages.source import FilmSource
from framegraph.properties import read_options
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


def test_an_image_with_too_long_a_side_is_named_and_passed_over(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = numbered(1).shape[:2]
    monkeypatch.setattr("framegraph.wire.codec.MAX_SIDE_PX", max(height, width))
    cv2.imwrite(str(folder / "photo0.png"), np.zeros((2, max(height, width) + 1, 3), np.uint8))
    source = make_source(folder)
    assert [frame.epoch for frame in source.frames(None)] == [1, 2, 3, 4]
    assert source.skipped == {"broken": 1}
    assert f"is over {max(height, width)} pixels a side; set 'width'" in caplog.text


def test_each_image_that_gives_no_picture_is_named(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = numbered(1).shape[:2]
    (folder / "photo1.png").write_bytes(b"")
    whole = (folder / "photo2.png").read_bytes()
    (folder / "photo2.png").write_bytes(whole[: len(whole) // 2])
    cv2.imwrite(str(folder / "photo9.png"), np.zeros((height, width + 1, 3), np.uint8))
    monkeypatch.setattr("framegraph.wire.codec.MAX_PIXEL_BYTES", height * width * 3)

    source = make_source(folder)

    assert [frame.epoch for frame in source.frames(None)] == [3]
    assert source.skipped == {"broken": 3}
    first, second, third = (record.getMessage() for record in caplog.records)
    assert "photo1.png cannot be decoded" in first and "photo2.png cannot be decoded" in second
    too_large = f"photo9.png of {width + 1}x{height} is over {height * width * 3} bytes; set 'width'"
    assert too_large in third
    smaller = make_source(folder, width=width)
    assert [frame.epoch for frame in smaller.frames(None)] == [2, 3]


UPRIGHT = corners()
GREY = cv2.cvtColor(UPRIGHT, cv2.COLOR_BGR2GRAY)
SIXTEEN_BITS = UPRIGHT.astype(np.uint16) * 257
HALF_SEEN = np.dstack([UPRIGHT, np.full(UPRIGHT.shape[:2], 128, np.uint8)])


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        pytest.param("grey.jpg", GREY, np.dstack([GREY] * 3), id="grey"),
        pytest.param("deep.png", SIXTEEN_BITS, UPRIGHT, id="16 bits, PNG"),
        pytest.param("deep.tiff", SIXTEEN_BITS, UPRIGHT, id="16 bits, TIFF"),
        pytest.param("alpha.png", HALF_SEEN, UPRIGHT, id="half transparent"),
        pytest.param("dot.png", UPRIGHT[:1, :1], UPRIGHT[:1, :1], id="one pixel"),
        pytest.param("photo.WEBP", UPRIGHT, UPRIGHT, id="a suffix in capitals"),
    ],
)
def test_odd_photos_are_read_as_people_see_them(
    tmp_path: Path, name: str, stored: np.ndarray, expected: np.ndarray
) -> None:
    suffix = Path(name).suffix.lower()
    (tmp_path / name).write_bytes(cv2.imencode(suffix, stored)[1].tobytes())

    image = play(tmp_path / name)[0].image_bgr

    assert image.dtype == np.uint8
    np.testing.assert_allclose(image.astype(int), expected, atol=12)


@pytest.mark.parametrize("mode", ["CMYK", "P"])
def test_colours_of_print_and_of_palettes_are_read(tmp_path: Path, mode: str) -> None:
    upright = Image.fromarray(np.ascontiguousarray(UPRIGHT[..., ::-1]))
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    options = {"quality": 100} if mode == "CMYK" else {"transparency": 0}
    (upright.convert("CMYK") if mode == "CMYK" else upright.quantize(16)).save(path, **options)

    np.testing.assert_allclose(play(path)[0].image_bgr.astype(int), UPRIGHT, atol=12)


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
