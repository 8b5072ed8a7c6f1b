"""Seventeen colour words: the word of a pixel, and the word of a garment from those of its pixels.

A pixel gets the word of the nearest of a few known points in CIELAB. A garment gets the word of most of its
pixels, where shades of one hue (`KIN`) support each other; two words if a second, clearly different colour
covers much of it; and none if the evidence is nearly even.
"""

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

POINTS_RGB: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((15, 15, 17), (38, 38, 41), (42, 37, 36)),
    "grey": ((75, 76, 80), (110, 110, 112), (145, 145, 147), (175, 175, 176)),
    "white": ((250, 250, 250), (222, 222, 222), (226, 228, 236)),
    "beige": ((222, 205, 178), (196, 178, 150), (172, 154, 128), (235, 224, 205)),
    "brown": ((139, 70, 22), (92, 62, 43), (124, 84, 55), (66, 46, 36), (150, 108, 75)),
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
    "pink": ((240, 150, 180), (225, 90, 140), (245, 195, 205), (220, 160, 165), (228, 186, 208)),
    "purple": ((110, 60, 140), (80, 45, 100), (150, 110, 180), (180, 160, 205)),
}
"""Named colours, each by a few of its shades, sRGB."""

COLORS = tuple(POINTS_RGB)
NEUTRAL = ("black", "grey", "white")
"""Colours that shadow and light give to any cloth; grey is also the colour of roads."""
KIN = (
    *(("red", "burgundy"), ("red", "pink"), ("red", "orange"), ("yellow", "orange"), ("brown", "orange")),
    *(("brown", "beige"), ("olive", "green"), ("turquoise", "green"), ("turquoise", "light blue")),
    *(("blue", "light blue"), ("navy", "blue"), ("navy", "black"), ("navy", "purple"), ("pink", "purple")),
)
"""Words for the same cloth in light and shade."""
KIN_WEIGHT = 0.5
"""Fraction of its kin's share that counts for a word."""
NEAR = 22.0
"""Words with points nearer than this, in scaled CIELAB, are not a second colour: they blend."""
SECOND_SHARE = 0.35
"""Least cover of a second colour, including kin and neighbours; a collar or a strap is not one."""
LEAST_LEAD = 0.15
"""Least lead of the first share over the next; with less no colour is reported."""
LIGHTNESS_WEIGHT = 0.6
"""Light and shadow change a cloth's lightness more than its hue."""
JOINED = " and "


def name_of(shares: Mapping[str, float]) -> str | None:
    """Return what a garment is called: one of COLORS, two of them ("red and navy", the larger first), or None
    if that cannot be told. shares: how much of it has which word, not negative, of any sum. Of words that are
    none of COLORS, a classifier's own, it is the one with the largest share."""
    if shares and not any(word in POINTS_RGB for word in shares):
        return max(shares, key=lambda word: shares[word])
    known = np.array([shares.get(word, 0.0) for word in COLORS])
    if known.sum() <= 0:
        return None
    known /= known.sum()
    kin, near = _relations()
    backed = known + KIN_WEIGHT * kin @ known
    first = int(np.argmax(backed))
    lead = backed[first] - np.delete(np.where(kin[first] > 0, 0, backed), first).max()
    if COLORS[first] not in NEUTRAL:
        first = int(np.argmax(np.where(kin[first] + np.eye(len(COLORS))[first] > 0, known, 0)))
    others = np.where(near[first] | (kin[first] > 0), 0, known)
    others[COLORS.index("grey")] = 0
    second = int(np.argmax(others))
    if others[near[second] | (kin[second] > 0)].sum() >= SECOND_SHARE:
        return JOINED.join(
            COLORS[place] for place in sorted((first, second), key=lambda place: -known[place])
        )
    return COLORS[first] if lead >= LEAST_LEAD else None


def words_of(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the index in COLORS of each pixel (... x 3), flat."""
    lab = _to_lab(pixels_rgb.reshape(1, -1, 3))[0]
    points, owners = _points()
    # |a - b|^2 without the term that is the same for all points.
    return np.asarray(owners[((points**2).sum(1) - 2 * lab @ points.T).argmin(1)])


@functools.cache
def _points() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return all known points in scaled CIELAB, and the index of each one's word."""
    shades = np.array([shade for shades in POINTS_RGB.values() for shade in shades], np.uint8)
    owners = [number for number, shades in enumerate(POINTS_RGB.values()) for _shade in shades]
    return _to_lab(shades[None])[0], np.array(owners, np.intp)


@functools.cache
def _relations() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return which words are kin (1 or 0), and which are near each other or the same: words x words."""
    points, owners = _points()
    count = len(COLORS)
    kin = np.zeros((count, count))
    for one, other in KIN:
        places = COLORS.index(one), COLORS.index(other)
        kin[places] = kin[places[::-1]] = 1
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = [
        [apart[np.ix_(owners == a, owners == b)].min() < NEAR for b in range(count)] for a in range(count)
    ]
    return kin, np.array(near)


def _to_lab(pixels_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    scaled = np.ascontiguousarray(pixels_rgb).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)
    return lab * np.array([LIGHTNESS_WEIGHT, 1, 1], np.float32)
