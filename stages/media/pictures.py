"""Conversion of decoded frames to upright BGR pictures of 8 bits."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fashion_pipeline.stages.media.timing import Image

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
HD_HEIGHT_PX = 720
MATRIX_BYTES = 36  # 3 x 3 int32, row by row, 16.16 fixed point (libavutil/display.h)

Matrix = tuple[int, int, int, int]


class Turns:
    """Rotations of one input's frames, looked up once for each rotation it has.

    Asking a frame of PyAV 18 for its side data keeps that frame's memory for good, so not every frame is
    asked. A mirror image is taken to be the same all through the input.
    """

    def __init__(self) -> None:
        self._by_rotation: dict[int, Matrix | None] = {}
        _let_unknown_side_data_pass()

    def is_on_its_side(self, frame: VideoFrame) -> bool:
        """Return whether width and height are swapped when the frame is turned upright."""
        matrix = self.matrix(frame)
        return matrix is not None and matrix[0] == 0

    def matrix(self, frame: VideoFrame) -> Matrix | None:
        """Return the signs of a frame's display matrix (see `display_matrix`), or None when it is upright."""
        rotation = frame.rotation
        if rotation not in self._by_rotation:
            self._by_rotation[rotation] = display_matrix(frame)
        return self._by_rotation[rotation]


def to_bgr(frame: VideoFrame, width: int | None, turns: Turns) -> Image:
    """Return a frame as BGR uint8 H x W x 3, turned upright; not to be drawn on.

    Colour matrix and range are those of the frame; where it names no matrix, BT.709 from 720 lines up and
    BT.601 below, as players do. `width` is that of the upright picture: a wider one is scaled down.
    """
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    matrix = turns.matrix(frame)
    is_on_its_side = turns.is_on_its_side(frame)
    upright_w, upright_h = (frame.height, frame.width) if is_on_its_side else (frame.width, frame.height)
    size_wh: tuple[int, int] = (frame.width, frame.height)
    if width is not None and width < upright_w:
        scaled_wh = width, max(1, round(upright_h * width / upright_w))
        size_wh = (scaled_wh[1], scaled_wh[0]) if is_on_its_side else scaled_wh
    is_hd = min(frame.width, frame.height) >= HD_HEIGHT_PX
    is_scaled = size_wh != (frame.width, frame.height)
    guess = Colorspace.ITU709 if is_hd else Colorspace.ITU601
    converted = frame.reformat(
        width=size_wh[0],
        height=size_wh[1],
        format="bgr24",
        src_colorspace=guess if frame.colorspace == UNSPECIFIED else None,
        dst_color_range=ColorRange.JPEG,
        # Unscaled, this is swscale's direct conversion: 0.2 ms for 768 x 576, where full chroma costs 3 ms
        # and changes a value by 1.3 of 255 in the mean.
        interpolation=Interpolation.AREA if is_scaled else Interpolation.BILINEAR,
        threads=1,
    )
    image_bgr = cast(Image, converted.to_ndarray())
    return image_bgr if matrix is None else np.ascontiguousarray(_turned(image_bgr, matrix))


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """Return the signs (a, b, c, d) of a frame's display matrix, or None when it is upright already.

    A pixel at (x, y) is to be shown at (a x + c y, b x + d y), y pointing down. A turn by anything else than
    a multiple of 90 degrees counts as none.
    """
    item = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if item is None or item.buffer_size != MATRIX_BYTES:
        return None
    a, b, _u, c, d, *_rest = struct.unpack("=9i", bytes(item))
    signs = _sign(a), _sign(b), _sign(c), _sign(d)
    is_right_angle = (a == d == 0 and b and c) or (b == c == 0 and a and d)
    return signs if is_right_angle and signs != (1, 0, 0, 1) else None


def _let_unknown_side_data_pass() -> None:
    """PyAV 18 refuses a frame's whole side data for one kind that it has no name for, such as the EXIF data
    of a JPEG. FFmpeg gains kinds with each version: give those a name of their own."""
    from av.sidedata.sidedata import Type

    def missing(cls: type[Type], value: Any) -> Type:
        kind = object.__new__(cls)
        kind._name_, kind._value_ = f"UNKNOWN_{value}", value
        return kind

    Type._missing_ = classmethod(missing)  # type: ignore[assignment]


def _turned(image: Image, matrix: Matrix) -> Image:
    """Return a view of `image` as the matrix shows it."""
    a, b, c, d = matrix
    if a == 0:
        image = image.swapaxes(0, 1)
        a, d = c, b
    return image[:: d or 1, :: a or 1]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
