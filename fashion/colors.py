"""Colours of a garment in a look at a person: the shares of its pixels by colour word.

The mean of a striped shirt would be a colour it does not have, so pixels are counted. A pixel's weight is the
label's map there, reduced towards the edges of the garment and of the person, if it looks like skin, and if
its colour is as frequent next to the person as on them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.color_words import COLORS, words_of

STEP_PX = 6  # every sixth pixel in each direction is enough for a crop of 192 x 384
SKIN_WEIGHT = 0.6
SIDE_BINS = 8
BESIDE_WEIGHT = 6.0
SMOOTHED = 0.3
"""Fraction of a bin's count given to its neighbours: noise and light move colours across bin edges."""
FEET_PART = 0.13
"""Of a person's height, from below: above are trousers. The network's maps are too coarse to tell."""
ON_THE_GROUND = ("feet", "hands")
"""Regions of small items surrounded by ground, whose colour therefore says little about them."""
LEAST_SHARE = 0.03


def color_shares(
    crop_rgb: NDArray[np.uint8],
    map_hw: NDArray[np.float32],
    garment: Sequence[float],
    person: Sequence[float],
    region: str,
) -> dict[str, float]:
    """Return the share of each of COLORS in a garment, largest first, to two decimals, without tiny ones.

    The sum is at most 1: the rest may be background, so it also indicates how certain the shares are.
    crop_rgb: uint8 H x W x 3, a look at a person. map_hw: where in it the label was seen, h x w, not
    negative. garment, person: their boxes, x0, y0, x1, y1 as parts (0..1) of the crop. region: that of
    `fashion.labels.REGIONS`.
    """
    height, width = crop_rgb.shape[:2]
    top = garment[1] if region != "feet" else person[3] - FEET_PART * (person[3] - person[1])
    # Anything outside the person's box is not theirs.
    x0, x1 = _span(max(garment[0], person[0]), min(garment[2], person[2]), width)
    y0, y1 = _span(max(top, person[1]), min(garment[3], person[3]), height)
    rows, columns = np.arange(y0, y1, STEP_PX), np.arange(x0, x1, STEP_PX)
    pixels_rgb = crop_rgb[np.ix_(rows, columns)]
    seen = map_hw[np.ix_(rows * map_hw.shape[0] // height, columns * map_hw.shape[1] // width)]
    across = _middle(len(columns))
    if region != "hands":
        across = across * _near_axis((columns + 0.5) / width, person)
    weights = np.maximum(seen, 1e-6) * np.outer(_middle(len(rows)), across)
    weights *= np.where(is_skin(pixels_rgb), SKIN_WEIGHT, 1.0)
    total = weights.sum()
    left, right = _span(person[0], person[2], width)
    beside = crop_rgb[y0:y1:STEP_PX]
    beside_rgb = np.concatenate([beside[:, :left:STEP_PX], beside[:, right::STEP_PX]], axis=1)
    if beside_rgb.size:
        weights *= _not_beside(pixels_rgb, weights, beside_rgb)
    counts = np.bincount(words_of(pixels_rgb), weights.ravel(), len(COLORS)) / total
    if beside_rgb.size and region in ON_THE_GROUND:
        ground = np.bincount(words_of(beside_rgb), minlength=len(COLORS)) / (beside_rgb.size // 3)
        counts *= counts / np.maximum(counts + counts.sum() * ground, 1e-9)
    shares = {word: round(float(share), 2) for word, share in zip(COLORS, counts, strict=True)}
    kept = [word for word in COLORS if shares[word] >= LEAST_SHARE * counts.sum()]
    return {word: shares[word] for word in sorted(kept, key=lambda word: -shares[word]) if shares[word]}


def is_skin(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pixels may be skin, by chroma (Chai and Ngan, 1999: Cb 77 to 127, Cr 133 to 173)."""
    red, green, blue = (pixels_rgb[..., channel].astype(np.float32) for channel in range(3))
    cb = 128 - 0.169 * red - 0.331 * green + 0.5 * blue
    cr = 128 + 0.5 * red - 0.419 * green - 0.081 * blue
    return np.asarray((cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173))


def _not_beside(
    pixels_rgb: NDArray[np.uint8], weights: NDArray[np.float64], beside_rgb: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the probability (0..1) that each pixel is not background, from colour histograms: the areas left
    and right of the person in the same rows are background."""
    bins = _bins(pixels_rgb)
    own = _frequencies(bins.ravel(), weights.ravel())
    beside = _frequencies(_bins(beside_rgb).ravel(), np.ones(beside_rgb.size // 3))
    return np.asarray((own / np.maximum(own + BESIDE_WEIGHT * beside, 1e-12))[bins])


def _frequencies(bins: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how often each bin occurs, smoothed over its neighbours; the sum is 1."""
    counts: NDArray[Any] = np.bincount(bins, weights, SIDE_BINS**3).reshape((SIDE_BINS,) * 3)
    for axis in range(3):
        old = np.moveaxis(counts, axis, 0)
        new = old.copy()
        new[1:] += SMOOTHED * old[:-1]
        new[:-1] += SMOOTHED * old[1:]
        counts = np.moveaxis(new, 0, axis)
    return np.asarray(counts.ravel() / counts.sum())


def _bins(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    coarse = (pixels_rgb // (256 // SIDE_BINS)).astype(np.intp)
    return np.asarray((coarse[..., 0] * SIDE_BINS + coarse[..., 1]) * SIDE_BINS + coarse[..., 2])


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Return two fractions of a side in pixels, inside it and at least one pixel apart."""
    first = min(max(0, round(low * size)), size - 1)
    return first, max(first + 1, min(size, round(high * size)))


def _middle(count: int) -> NDArray[np.float64]:
    """Return weights from 1 in the middle of a side to 0.3 at its ends, where there is more background."""
    places = (np.arange(count) + 0.5) / count * 2 - 1
    return 1 - 0.7 * places**2


def _near_axis(places: NDArray[np.float64], person: Sequence[float]) -> NDArray[np.float64]:
    """Return such weights across the person's box, for positions across the crop (0..1)."""
    middle, half = (person[0] + person[2]) / 2, max((person[2] - person[0]) / 2, 1e-6)
    return np.maximum(1 - 0.7 * ((places - middle) / half) ** 2, 0.02)
