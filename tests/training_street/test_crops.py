"""What the network is shown of a person."""

import numpy as np
import pytest

from fashion_pipeline.fashion.street import cut_look, widened
from fashion_pipeline.training.street.crops import LOOK, SPEC, plain_view, random_view, recolored, store

WIDTH, HEIGHT = SPEC.size_wh
GREY = np.full((400, 300, 3), 90, np.uint8)


@pytest.mark.parametrize(
    "box",
    [
        (100, 50, 140, 350),  # thin: widened
        (20, 100, 280, 200),  # flat: made higher
        (0, 0, 160, 448),  # has the shape already
        (290, 390, 320, 420),  # reaches over the corner
    ],
)
def test_a_widened_box_has_the_shape_of_the_input_and_holds_the_box(box):
    x0, y0, x1, y1 = widened(box, LOOK)

    assert (x1 - x0) / (y1 - y0) == pytest.approx(WIDTH / HEIGHT)
    assert x0 < box[0] and y0 < box[1] and x1 > box[2] and y1 > box[3]


def test_a_box_outside_the_picture_gives_no_crop():
    assert cut_look(GREY, (900, 900, 950, 999), LOOK) is None


def test_beyond_the_edge_is_grey_and_the_person_keeps_their_place():
    crop = cut_look(GREY, (260, 150, 340, 350), LOOK)  # half of it beyond the right edge

    assert crop is not None
    middle = WIDTH // 2
    assert (crop[:, : middle - 1] == 90).all()
    assert (crop[:, middle + 1 :] == LOOK.fill).all()


@pytest.mark.parametrize("box", [(299, 0, 340, 400), (-500, -500, 1, 1), (10, 10, 10.5, 10.5)])
def test_a_sliver_of_a_box_gives_a_crop_or_none_but_no_error(box):
    crop = cut_look(GREY, box, LOOK)

    assert crop is None or crop.shape == (HEIGHT, WIDTH, 3)


def test_the_stored_person_gives_the_view_that_the_pipeline_cuts():
    chance = np.random.default_rng(0)
    image = np.kron(chance.integers(0, 255, (40, 30, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    box = (120.0, 60.0, 180.0, 350.0)

    difference = np.abs(plain_view(store(image, box)).astype(int) - cut_look(image, box, LOOK))

    assert np.mean(difference) < 3  # half a pixel of rounding at the edges of the pattern


def test_a_random_view_is_repeatable_and_differs_from_the_next():
    chance = np.random.default_rng(0)
    person = store(chance.integers(0, 255, GREY.shape).astype(np.uint8), (100, 20, 200, 380))

    views = [random_view(person, np.random.default_rng(seed)) for seed in (1, 1, 2)]

    assert views[0].shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_recolouring_stays_in_range():
    import torch

    looks = recolored(torch.rand(3, 3, 8, 8) * 255, np.random.default_rng(0))

    assert looks.min() >= 0 and looks.max() <= 255
