"""Films and sources for the tests of the source."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from fashion_pipeline.stages.source import FilmSource
from framegraph.properties import read_options
from framegraph.stage import Context, Frame, Resume

MS = 1_000_000
SECOND = 1000 * MS
COLORS_BGR = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (200, 180, 160))


def corners(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture with another colour in each corner, in the order of COLORS_BGR."""
    image = np.zeros((height, width, 3), np.uint8)
    halves = (
        (slice(None, height // 2), slice(height // 2, None)),
        (slice(None, width // 2), slice(width // 2, None)),
    )
    for color, (rows, columns) in zip(COLORS_BGR, itertools.product(*halves), strict=True):
        image[rows, columns] = color
    return image


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A picture that differs from frame to frame and is not easy to code."""
    noise = np.random.default_rng(number).integers(0, 60, (height // 8, width // 8, 3), dtype=np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
    image[:, : 1 + number % width] += 100
    return image


def write_film(
    path: Path,
    images: Sequence[np.ndarray],
    pts_ms: Sequence[int] | None = None,
    *,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    gop: int = 12,
    rotation: int = 0,
    hflip: bool = False,
    color: tuple[Colorspace, int, int] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a film, 10 frames a second unless `pts_ms` are given. `color`: for swscale, matrix, range."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=10, options={"g": str(gop), **(options or {})})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        matrix: Colorspace = Colorspace.ITU601
        range_: ColorRange | int = ColorRange.MPEG
        if color is not None:
            matrix, stream.codec_context.colorspace, range_ = color
            stream.codec_context.color_range = range_
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix, dst_color_range=range_)
            frame.pts = number * 100 if pts_ms is None else pts_ms[number]
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film_of(path: Path, count: int, **how: object) -> Path:
    return write_film(path, [numbered(n) for n in range(count)], **how)  # type: ignore[arg-type]


def make_source(uri: object, **properties: object) -> FilmSource:
    options = read_options(FilmSource.Options, {"uri": str(uri), **properties})
    FilmSource.check(options)
    source = FilmSource(options, Context(name="camera"))
    source.open()
    return source


def play(
    uri: object, resume: Resume | None = None, limit: int | None = None, **properties: object
) -> list[Frame]:
    """Play as a process would; pictures are copied, since a source may use them again."""
    frames = make_source(uri, **properties).frames(resume)
    return list(itertools.islice(frames, limit))


def resume_after(frames: Sequence[Frame], count: int) -> Resume:
    last = frames[count - 1]
    return Resume(captured=count, epoch=last.epoch, pts_ns=last.pts_ns, running_ns=last.running_ns)


def assert_same(found: Sequence[Frame], expected: Sequence[Frame]) -> None:
    assert [(f.pts_ns, f.running_ns, f.epoch, f.duration_ns, f.uri, f.flags) for f in found] == [
        (f.pts_ns, f.running_ns, f.epoch, f.duration_ns, f.uri, f.flags) for f in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.image_bgr, other.image_bgr)
