import dataclasses

import torch

from fashion_pipeline.training.augment import ERASED_AREA, apply_changes, draw_changes
from fashion_pipeline.training.recipes import RECIPES

NO_CHANGE = RECIPES["classic"]


def changed(images, seed=0, **settings):
    recipe = dataclasses.replace(NO_CHANGE, **settings)
    changes = draw_changes(len(images), 28, recipe, torch.Generator().manual_seed(seed))
    return apply_changes(images, changes, recipe)


def test_without_changes_the_pictures_stay_as_they_are():
    images = torch.rand(5, 1, 28, 28)
    assert torch.equal(changed(images), images)


def test_a_flip_mirrors_some_pictures_and_leaves_the_others():
    images = torch.rand(200, 1, 28, 28)
    result = changed(images, flips=True)
    mirrored = sum(torch.equal(new, old.flip(2)) for new, old in zip(result, images, strict=True))
    same = sum(torch.equal(new, old) for new, old in zip(result, images, strict=True))
    assert mirrored + same == 200
    assert 60 < mirrored < 140


def test_a_shift_moves_a_picture_by_whole_pixels_and_fills_with_black():
    images = torch.zeros(300, 1, 28, 28)
    images[:, :, 14, 14] = 1
    result = changed(images, shift_px=2, mean=1.0, std=1.0)
    places = {tuple(picture[0].eq(1).nonzero()[0].tolist()) for picture in result}
    assert places == {(row, column) for row in range(12, 17) for column in range(12, 17)}
    assert set(result.unique().tolist()) == {-1.0, 0.0, 1.0}


def test_an_erased_rectangle_has_the_area_it_should():
    images = torch.full((400, 1, 28, 28), 100.0)
    areas = changed(images, erase_probability=1.0).ne(100.0).float().mean(dim=(1, 2, 3))
    assert areas.min() > ERASED_AREA[0] * 0.7  # sides are rounded to whole pixels
    assert areas.max() < ERASED_AREA[1] * 1.2
    half = changed(images, erase_probability=0.5).ne(100.0).any(dim=3).any(dim=2).float().mean()
    assert 0.4 < half < 0.6


def test_the_same_seed_draws_the_same_and_parts_fit_the_whole():
    images = torch.rand(8, 1, 28, 28)
    recipe = RECIPES["modern"]
    whole = draw_changes(8, 28, recipe, torch.Generator().manual_seed(3))
    again = draw_changes(8, 28, recipe, torch.Generator().manual_seed(3))
    expected = apply_changes(images, whole, recipe)
    assert torch.equal(apply_changes(images, again, recipe), expected)
    shares = [slice(0, 4), slice(4, 8)]
    parts = [apply_changes(images[share], whole.part(share), recipe) for share in shares]
    assert torch.equal(torch.cat(parts), expected)
