"""Folders of pictures as strangers have them: turned by their metadata, hidden, linked, and in any format."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fashion_pipeline.stages.media.images import list_images, read_image
from fashion_pipeline.stages.media.orientation import turned
from framegraph.errors import GraphError
from tests.stages.source_kit import corners, make_source, numbered, play

ORIENTATIONS = range(1, 9)
UPRIGHT = corners()
PNG_HEAD_BYTES = 8 + 12 + 13
"""The signature, and the chunk IHDR."""
XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"


def stored(orientation: int) -> np.ndarray:
    """How a camera that is held so stores the picture: row 0 and column 0 are the sides that EXIF names."""
    by_orientation: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda image: image,
        2: np.fliplr,
        3: lambda image: np.rot90(image, 2),
        4: np.flipud,
        5: lambda image: image.swapaxes(0, 1),
        6: lambda image: np.rot90(image, 1),
        7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
        8: lambda image: np.rot90(image, -1),
    }
    return np.ascontiguousarray(by_orientation[orientation](UPRIGHT))


def tiff_of(orientation: int, order: str = "<") -> bytes:
    """EXIF data with one tag, in either order of bytes, without a prefix."""
    head = b"II" if order == "<" else b"MM"
    return (
        head
        + struct.pack(f"{order}HIH", 42, 8, 1)
        + struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
        + bytes(4)
    )


def xmp_of(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        f'tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def coded(suffix: str, image: np.ndarray, *flags: int) -> bytes:
    return bytes(cv2.imencode(suffix, image, list(flags))[1])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def in_front(png: bytes, more: bytes) -> bytes:
    return png[:PNG_HEAD_BYTES] + more + png[PNG_HEAD_BYTES:]


def at_end(png: bytes, more: bytes) -> bytes:
    end = chunk(b"IEND", b"")
    assert png.endswith(end)
    return png.removesuffix(end) + more + end


def in_jpeg(jpeg: bytes, body: bytes) -> bytes:
    """Put a segment APP1 in front."""
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def jpeg_with(exif: bytes, image: np.ndarray) -> bytes:
    return in_jpeg(coded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 100), b"Exif\0\0" + exif)


def jpeg_with_xmp(xmp: bytes, image: np.ndarray) -> bytes:
    return in_jpeg(coded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 100), XMP_IN_JPEG + xmp)


def itxt(xmp: bytes) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)


def webp_with(exif: bytes, image: np.ndarray) -> bytes:
    """A WebP with a chunk EXIF as it is given: Pillow itself would take a prefix off."""
    file = io.BytesIO()
    placeholder = b"II*\0" + bytes(len(exif) - 4)
    Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(
        file, "WEBP", lossless=True, exif=placeholder
    )
    webp = file.getvalue()
    assert webp.count(b"EXIF" + struct.pack("<I", len(exif)) + placeholder) == 1
    return webp.replace(placeholder, exif)


def tiff_with(orientation: int, image: np.ndarray, xmp: bytes = b"") -> bytes:
    file = io.BytesIO()
    rgb = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    rgb.save(file, "TIFF", tiffinfo={0x0112: orientation} | ({700: xmp} if xmp else {}))
    return file.getvalue()


KINDS: dict[str, tuple[str, Callable[[int, np.ndarray], bytes]]] = {
    "JPEG": ("a.jpg", lambda turn, image: jpeg_with(tiff_of(turn), image)),
    "JPEG, other order of bytes": ("a.jpeg", lambda turn, image: jpeg_with(tiff_of(turn, ">"), image)),
    "JPEG, XMP": ("a.jpg", lambda turn, image: jpeg_with_xmp(xmp_of(turn), image)),
    "PNG, in front": (
        "a.png",
        lambda turn, image: in_front(coded(".png", image), chunk(b"eXIf", tiff_of(turn))),
    ),
    "PNG, behind": ("a.png", lambda turn, image: at_end(coded(".png", image), chunk(b"eXIf", tiff_of(turn)))),
    "PNG, XMP in front": ("a.png", lambda turn, image: in_front(coded(".png", image), itxt(xmp_of(turn)))),
    "PNG, XMP behind": ("a.png", lambda turn, image: at_end(coded(".png", image), itxt(xmp_of(turn)))),
    "WebP": ("a.webp", lambda turn, image: webp_with(tiff_of(turn), image)),
    "WebP, with a prefix": ("a.webp", lambda turn, image: webp_with(b"Exif\0\0" + tiff_of(turn), image)),
    "TIFF": ("a.tif", tiff_with),
    # Told twice, it is still to be turned once.
    "TIFF, XMP too": ("a.tiff", lambda turn, image: tiff_with(turn, image, xmp_of(turn))),
    "JPEG, XMP too": (
        "a.jpg",
        lambda turn, image: in_jpeg(jpeg_with(tiff_of(turn), image), XMP_IN_JPEG + xmp_of(turn)),
    ),
}


def assert_upright(image: np.ndarray) -> None:
    """The colours in the middles of its four quarters must be where they are in the upright picture."""
    assert image.shape == UPRIGHT.shape
    height, width = UPRIGHT.shape[:2]
    for row, column in itertools.product((height // 4, 3 * height // 4), (width // 4, 3 * width // 4)):
        np.testing.assert_allclose(image[row, column].astype(int), UPRIGHT[row, column], atol=8)


def test_the_eight_ways_to_hold_a_camera_are_what_exif_says() -> None:
    """Where the picture's own top left corner (red) lies in what is stored, by the table of EXIF 2.3."""
    red = UPRIGHT[0, 0].tolist()
    places = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (-1, 0), 7: (-1, -1), 8: (0, -1)}
    for orientation, place in places.items():
        assert stored(orientation)[place].tolist() == red
        np.testing.assert_array_equal(turned(stored(orientation), orientation), UPRIGHT)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_upright_however_the_camera_was_held(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    name, write = KINDS[kind]
    (tmp_path / name).write_bytes(write(orientation, stored(orientation)))
    (frame,) = play(tmp_path / name)
    assert_upright(frame.image_bgr)


@pytest.mark.parametrize("width", [16, 24])
def test_the_width_that_is_asked_for_is_that_of_the_upright_picture(tmp_path: Path, width: int) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_with(tiff_of(6), stored(6)))
    (frame,) = play(tmp_path / "a.jpg", width=width)
    assert frame.image_bgr.shape == (width * 48 // 64, width, 3)


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"II*\0", id="cut off"),
        pytest.param(b"nonsense" * 9, id="nonsense"),
        pytest.param(tiff_of(6)[:12], id="cut off in its tag"),
        pytest.param(tiff_of(0), id="orientation 0"),
        pytest.param(tiff_of(9), id="orientation 9"),
        pytest.param(
            tiff_of(6).replace(struct.pack("<I", 8), struct.pack("<I", 2**32 - 1), 1), id="far away"
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_broken_metadata_leave_the_picture_as_it_is(tmp_path: Path, suffix: str, exif: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".jpg":
        path.write_bytes(jpeg_with(exif, UPRIGHT))
    elif suffix == ".png":
        path.write_bytes(in_front(coded(".png", UPRIGHT), chunk(b"eXIf", exif)))
    else:
        exif = exif.ljust(4, b"\0")
        path.write_bytes(webp_with(exif, UPRIGHT))
    source = make_source(path)
    (frame,) = source.frames(None)
    assert_upright(frame.image_bgr)
    assert source.skipped == {}


def test_a_picture_that_names_orientation_in_its_pixels_only_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    image = UPRIGHT.copy()
    text = np.frombuffer(b"Exif\0\0" + tiff_of(6), np.uint8)
    image.reshape(-1)[: len(text)] = text
    cv2.imwrite(str(path), image)
    np.testing.assert_array_equal(play(path)[0].image_bgr, image)


# What is in a folder


def names(uri: object) -> list[str]:
    return [path.name for path in list_images(str(uri))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures."""
    path = tmp_path / "photos"
    path.mkdir()
    for number in (1, 2):
        cv2.imwrite(str(path / f"{number}.png"), numbered(number))
    return path


def test_hidden_files_are_left_out(folder: Path) -> None:
    png = (folder / "1.png").read_bytes()
    (folder / "._1.png").write_bytes(b"\0\5\x16\7 what a Mac keeps beside it")
    (folder / ".hidden.jpg").write_bytes(png)
    (folder / ".heic").write_bytes(b"")
    (folder / "._3.heic").write_bytes(b"")
    for uri in (folder, folder / "*", folder / "*.png"):
        source = make_source(uri)
        assert [Path(frame.uri).name for frame in source.frames(None)] == ["1.png", "2.png"]
        assert source.skipped == {}


def test_a_hidden_picture_that_is_named_itself_is_read(folder: Path) -> None:
    (folder / "1.png").rename(folder / ".1.png")
    assert len(play(folder / ".1.png")) == 1


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".gif", ".jp2", ".bmp", ".avif", ".GIF", ".JFIF"])
def test_formats_of_all_kinds_are_read_in_a_folder(folder: Path, suffix: str) -> None:
    with Image.fromarray(np.ascontiguousarray(UPRIGHT[..., ::-1])) as rgb:
        formats = {".jfif": "JPEG", ".jpe": "JPEG", ".jp2": "JPEG2000"}
        quality = {"quality": 100} if suffix != ".gif" else {}
        format_ = formats.get(suffix.lower(), suffix[1:].upper())
        rgb.save(folder / f"3{suffix}", format_, **quality)
    source = make_source(folder)
    frames = list(source.frames(None))
    assert [Path(frame.uri).name for frame in frames] == ["1.png", "2.png", f"3{suffix}"]
    assert source.skipped == {}
    assert_upright(frames[2].image_bgr)


def test_pictures_in_a_format_that_is_not_read_are_counted_and_named(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("IMG_7.heic", "IMG_8.HEIC", "raw.CR2", "drawing.svg", "notes.txt"):
        (folder / name).write_bytes(b"x")
    source = make_source(folder)
    assert len(list(source.frames(None))) == 2
    assert source.skipped == {"format not read": 4}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{folder}: 4 pictures have a format that is not read: ")
    for name in ("IMG_7.heic", "IMG_8.HEIC", "raw.CR2", "drawing.svg"):
        assert name in said
    assert "notes.txt" not in said
    assert said.endswith("; convert them")


def test_of_many_such_pictures_some_are_named_and_all_are_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        (folder / f"{number}.heic").write_bytes(b"x")
    source = make_source(folder)
    assert source.skipped == {"format not read": 30}
    assert caplog.text.count(".heic") == 10
    assert "9.heic, …; convert them" in caplog.text


@pytest.mark.parametrize("pattern", ["", "*", "*.heic"])
def test_a_folder_of_nothing_else_is_refused_with_a_name(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "IMG_7.heic").write_bytes(b"x")
    (tmp_path / "IMG_8.heic").write_bytes(b"x")
    with pytest.raises(GraphError, match=r"; 2 have a format that is not read, e\.g\. IMG_7\.heic"):
        make_source(tmp_path / pattern)


# Links


@pytest.mark.parametrize(("link", "target"), [("more/back", "."), ("again", "more")], ids=["loop", "side"])
def test_a_folder_that_is_met_again_through_a_link_is_not_read_twice(
    folder: Path, link: str, target: str
) -> None:
    (folder / "more").mkdir()
    cv2.imwrite(str(folder / "more/3.png"), numbered(3))
    (folder / link).symlink_to(folder / target)
    found = [path.relative_to(folder) for path in list_images(str(folder / "**/*.png"))]
    # Once each, by its shortest name.
    assert {str(path.parent) for path in found[:2]} == {"."}
    assert [path.name for path in found] == ["1.png", "2.png", "3.png"]
    assert len(found[2].parts) == 2
    assert len(play(folder / "**/*.png")) == 3


def test_links_that_lead_round_in_more_than_one_way_end(folder: Path) -> None:
    (folder / "more").mkdir()
    cv2.imwrite(str(folder / "more/3.png"), numbered(3))
    for number in range(4):
        (folder / f"round{number}").symlink_to(folder)
        (folder / f"more/back{number}").symlink_to(folder / "more")
    found = [str(path.relative_to(folder)) for path in list_images(str(folder / "**/*.png"))]
    assert found == ["1.png", "2.png", "more/3.png"]


def test_two_links_to_one_picture_are_two_pictures(folder: Path) -> None:
    (folder / "3.png").symlink_to(folder / "1.png")
    (folder / "4.png").symlink_to(folder / "1.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    frames = play(folder)
    assert [Path(frame.uri).name for frame in frames] == ["1.png", "2.png", "3.png", "4.png"]
    for frame in frames[2:]:
        np.testing.assert_array_equal(frame.image_bgr, frames[0].image_bgr)


def test_pictures_of_one_name_in_two_folders_are_two(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    for name in ("a/1.png", "b/1.png"):
        (folder / name).write_bytes((folder / "1.png").read_bytes())
    assert names(folder / "*/1.png") == ["1.png", "1.png"]
    assert len(list_images(str(folder / "**/1.png"))) == 3


def test_what_cannot_be_read_as_a_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"Exif\0\0" + tiff_of(6))
    assert read_image(tmp_path / "a.jpg") is None
    assert read_image(tmp_path / "missing.jpg") is None
