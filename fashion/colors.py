"""The colour of a garment as one of seventeen words.

Each pixel is named by the nearest of a few known points in CIELAB, and the word with the most weight wins: a
mean of a striped shirt would be a colour that it does not have. A pixel weighs as much as the garment was
seen there (the label's map), less if it looks like skin, and less if its colour is as frequent beside the
person as on them.
"""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POINTS_RGB: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((15, 15, 17), (38, 38, 41), (42, 37, 36)),
    "grey": ((75, 76, 80), (110, 110, 112), (145, 145, 147), (175, 175, 176)),
    "white": ((250, 250, 250), (222, 222, 222), (226, 228, 236)),
    "beige": ((222, 205, 178), (196, 178, 150), (172, 154, 128), (235, 224, 205)),
    "brown": ((92, 62, 43), (124, 84, 55), (66, 46, 36), (150, 108, 75)),
    "navy": ((28, 34, 64), (25, 25, 112), (36, 48, 92), (22, 28, 48)),
    "blue": ((50, 80, 150), (66, 96, 140), (30, 90, 200), (84, 106, 134), (40, 40, 190)),
    "light blue": ((160, 195, 230), (140, 170, 205), (185, 205, 225), (125, 150, 180)),
    "turquoise": ((50, 180, 180), (30, 120, 125), (110, 210, 200), (90, 160, 160)),
    "green": (
        (40, 110, 55),
        (25, 65, 40),
        (52, 88, 72),
        (70, 100, 90),
        (20, 140, 90),
        (60, 160, 70),
        (110, 190, 110),
    ),
    "olive": ((95, 95, 55), (128, 128, 0), (120, 118, 72), (70, 72, 42), (140, 140, 95)),
    "yellow": ((240, 215, 60), (225, 190, 50), (250, 235, 130)),
    "orange": ((235, 125, 35), (215, 95, 30), (250, 160, 80)),
    "red": ((200, 30, 40), (225, 60, 55), (165, 25, 35)),
    "burgundy": ((100, 25, 40), (128, 0, 32), (75, 22, 35), (125, 40, 60)),
    "pink": ((240, 150, 180), (225, 90, 140), (245, 195, 205), (220, 160, 165)),
    "purple": ((110, 60, 140), (80, 45, 100), (150, 110, 180), (180, 160, 205)),
}
"""Named colours, each by a few of its shades, sRGB."""

COLORS = tuple(POINTS_RGB)
STEP_PX = 6  # every sixth pixel each way is enough of a crop of 192 x 384
SKIN_WEIGHT = 0.6
BINS = 8**3
BESIDE_WEIGHT = 3.0
LIGHTNESS_WEIGHT = 0.6
"""Light and shadow change a cloth's lightness more than its hue."""


def color_name(
    crop_rgb: NDArray[np.uint8],
    map_hw: NDArray[np.float32],
    garment: Sequence[float],
    person: Sequence[float],
) -> str:
    """Return the word for a garment's colour, one of COLORS.

    crop_rgb: uint8 H x W x 3, a look at a person. map_hw: where in it the label was seen, h x w, not
    negative. garment, person: their boxes, x0, y0, x1, y1 as parts (0..1) of the crop.
    """
    height, width = crop_rgb.shape[:2]
    # What reaches out of the person's box is not theirs.
    x0, x1 = _span(max(garment[0], person[0]), min(garment[2], person[2]), width)
    y0, y1 = _span(max(garment[1], person[1]), min(garment[3], person[3]), height)
    rows, columns = np.arange(y0, y1, STEP_PX), np.arange(x0, x1, STEP_PX)
    pixels_rgb = crop_rgb[np.ix_(rows, columns)]
    seen = map_hw[np.ix_(rows * map_hw.shape[0] // height, columns * map_hw.shape[1] // width)]
    weights = np.maximum(seen, 1e-6) * np.outer(_middle(len(rows)), _middle(len(columns)))
    weights *= np.where(is_skin(pixels_rgb), SKIN_WEIGHT, 1.0)
    weights *= _not_beside(pixels_rgb, weights, crop_rgb[y0:y1:STEP_PX], person)
    lab = _to_lab(pixels_rgb).reshape(-1, 3)
    points, owners = _points()
    # |a - b|^2 without the term that is the same for all points.
    nearest = ((points**2).sum(1) - 2 * lab @ points.T).argmin(1)
    votes = np.bincount(owners[nearest], weights.ravel(), len(COLORS))
    return COLORS[int(votes.argmax())]


def is_skin(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which pixels may be skin, by chroma (Chai and Ngan, 1999: Cb 77 to 127, Cr 133 to 173)."""
    red, green, blue = (pixels_rgb[..., channel].astype(np.float32) for channel in range(3))
    cb = 128 - 0.169 * red - 0.331 * green + 0.5 * blue
    cr = 128 + 0.5 * red - 0.419 * green - 0.081 * blue
    return np.asarray((cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173))


def _not_beside(
    pixels_rgb: NDArray[np.uint8],
    weights: NDArray[np.float64],
    rows_rgb: NDArray[np.uint8],
    person: Sequence[float],
) -> NDArray[np.float64]:
    """Return how likely (0..1) each pixel is not background, by histograms of 8 x 8 x 8 colours: what stands
    left and right of the person in the same rows is background."""
    left, right = _span(person[0], person[2], rows_rgb.shape[1])
    beside_rgb = np.concatenate([rows_rgb[:, :left:STEP_PX], rows_rgb[:, right::STEP_PX]], axis=1)
    if not beside_rgb.size:
        return np.ones(pixels_rgb.shape[:2])
    bins = _bins(pixels_rgb)
    own = np.bincount(bins.ravel(), weights.ravel(), BINS) / weights.sum()
    beside = np.bincount(_bins(beside_rgb).ravel(), minlength=BINS) / (beside_rgb.size // 3)
    return np.asarray((own / np.maximum(own + BESIDE_WEIGHT * beside, 1e-9))[bins])


def _bins(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    coarse = (pixels_rgb >> 5).astype(np.intp)
    return np.asarray(coarse[..., 0] * 64 + coarse[..., 1] * 8 + coarse[..., 2])


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Two parts of a side as pixels, at least one of them, inside."""
    first = min(max(0, round(low * size)), size - 1)
    return first, max(first + 1, min(size, round(high * size)))


def _middle(count: int) -> NDArray[np.float64]:
    """Weights that are 1 in the middle of a side and 0.3 at its ends: there is more background."""
    places = (np.arange(count) + 0.5) / count * 2 - 1
    return 1 - 0.7 * places**2


@functools.cache
def _points() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """All known points in scaled CIELAB, and the number of the word of each."""
    shades = np.array([shade for shades in POINTS_RGB.values() for shade in shades], np.uint8)
    owners = [number for number, shades in enumerate(POINTS_RGB.values()) for _shade in shades]
    return _to_lab(shades[None])[0], np.array(owners, np.intp)


def _to_lab(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    scaled = np.ascontiguousarray(pixels_rgb).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)
    return lab * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
