"""Colour names on pictures whose colours are known."""

import numpy as np
import pytest

from fashion_pipeline.fashion.color_words import COLORS, POINTS_RGB, name_of
from fashion_pipeline.fashion.colors import color_shares, is_skin

PERSON = (0.25, 0.1, 0.75, 0.9)
UPPER = (0.25, 0.25, 0.75, 0.55)
ROAD_RGB = (120, 120, 118)


def look(cloth_rgb, *, background_rgb=ROAD_RGB, noise=12.0, light=1.0):
    """A person of one cloth in the middle of a crop, on a ground, with noise and light."""
    picture = np.empty((384, 192, 3), np.float32)
    picture[:] = background_rgb
    picture[60:360, 60:132] = np.array(cloth_rgb) * light
    picture += np.random.default_rng(0).normal(0, noise, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def name(crop_rgb, seen=None, garment=UPPER, region="upper"):
    seen = np.ones((12, 6), np.float32) if seen is None else seen
    return name_of(color_shares(crop_rgb, seen, garment, PERSON, region))


@pytest.mark.parametrize("color", COLORS)
def test_a_plain_cloth_has_its_name(color) -> None:
    assert name(look(POINTS_RGB[color][0], background_rgb=(96, 120, 60))) == color


@pytest.mark.parametrize(
    ("cloth_rgb", "expected"),
    [
        ((178, 34, 34), "red"),  # the names of these are CSS's: firebrick, royalblue, …
        ((65, 105, 225), "blue"),
        ((25, 25, 112), "navy"),
        ((34, 139, 34), "green"),
        ((255, 255, 240), "white"),
        ((139, 69, 19), "brown"),
        ((255, 105, 180), "pink"),
        ((210, 180, 140), "beige"),
        ((128, 128, 0), "olive"),
        ((128, 0, 32), "burgundy"),
        ((0, 0, 0), "black"),
        ((173, 216, 230), "light blue"),
        ((64, 224, 208), "turquoise"),
        ((255, 215, 0), "yellow"),
        ((255, 140, 0), "orange"),
        ((128, 0, 128), "purple"),
        ((169, 169, 169), "grey"),
    ],
)
def test_known_colours_have_the_words_that_people_use(cloth_rgb, expected) -> None:
    assert name(look(cloth_rgb, background_rgb=(96, 120, 60))) == expected


def test_the_ground_beside_the_person_does_not_count() -> None:
    crop_rgb = look((200, 30, 40), background_rgb=(90, 130, 60))
    # The box is wider than the cloth: most of it shows grass.
    assert name(crop_rgb, garment=(0.0, 0.25, 1.0, 0.55)) == "red"


def test_where_the_label_was_seen_counts() -> None:
    crop_rgb = look((200, 30, 40))
    crop_rgb[150:250, 60:132] = (36, 48, 92)
    lower = np.full((12, 6), 0.01, np.float32)
    lower[5:8] = 1.0
    assert name(crop_rgb, lower, garment=(0.25, 0.15, 0.75, 0.75)) == "navy"


def test_shadow_changes_the_name_of_few_colours() -> None:
    shadows = [name(look(POINTS_RGB[color][0], light=0.75)) for color in ("red", "green", "blue", "navy")]
    assert shadows == ["red", "green", "blue", "navy"]


def test_skin_is_recognised() -> None:
    pixels = np.array([[(224, 172, 135), (141, 85, 60), (40, 80, 160), (60, 160, 70)]], np.uint8)
    assert is_skin(pixels).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("box", [(0.5, 0.5, 0.5, 0.5), (-1.0, -1.0, -0.5, -0.5), (1.2, 1.2, 1.5, 1.5)])
def test_a_box_without_area_or_outside_is_no_error(box) -> None:
    assert name(look((200, 30, 40)), np.zeros((12, 6), np.float32), garment=box) in (*COLORS, None)


def test_shoes_are_looked_for_below_the_trousers() -> None:
    crop_rgb = look((36, 48, 92))
    crop_rgb[305:360, 60:132] = (200, 30, 40)
    feet = np.zeros((12, 6), np.float32)
    feet[7:] = 1.0
    assert name(crop_rgb, feet, garment=(0.25, 0.6, 0.75, 1.0), region="feet") == "red"


def test_shares_say_how_much_may_be_background() -> None:
    def shares(background_rgb):
        crop_rgb = look((110, 110, 112), background_rgb=background_rgb)
        return color_shares(crop_rgb, np.ones((12, 6), np.float32), UPPER, PERSON, "upper")

    on_grass, on_a_road = shares((90, 130, 60)), shares((110, 110, 112))
    assert on_grass["grey"] > 2 * on_a_road["grey"] > 0
    assert sum(on_grass.values()) <= 1


def test_a_cloth_of_two_colours_has_both() -> None:
    crop_rgb = look((200, 30, 40))
    crop_rgb[160:250, 60:132] = (36, 48, 92)
    assert name(crop_rgb) in ("red and navy", "navy and red")


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"red": 0.6, "black": 0.3}, "red"),
        ({"red": 0.5, "black": 0.4}, "red and black"),
        ({"black": 0.5, "red": 0.2, "burgundy": 0.25}, "black and burgundy"),
        ({"red": 0.3, "burgundy": 0.35, "black": 0.3}, "burgundy"),  # light and shade of one cloth
        ({"black": 0.4, "olive": 0.25, "green": 0.25}, None),  # nearly even
        ({"black": 0.25, "navy": 0.3, "grey": 0.1}, "navy"),  # either would be right
        ({"white": 0.5, "grey": 0.45}, None),
        ({"blue": 0.5, "grey": 0.45}, None),  # grey is also what the road is
        ({"pink": 0.05}, "pink"),
        ({}, None),
        ({"red": 0.0}, None),
        ({"teal": 0.2, "ochre": 0.5}, "ochre"),
    ],
)
def test_shares_have_a_name(shares, expected) -> None:
    assert name_of(shares) == expected
