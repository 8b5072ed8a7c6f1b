import dataclasses

import numpy as np
import torch
from torch import nn

from fashion_pipeline.training.batches import ERASED_AREA, Batches, Teacher, apply_changes, draw_changes
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.devices import Group
from fashion_pipeline.training.recipes import RECIPES

ALONE = Group(rank=0, size=1)
ERASING = dataclasses.replace(RECIPES["classic"], batch=8, epochs=4, erase_probability=1.0, whole_from=0.75)
TAUGHT = dataclasses.replace(
    ERASING, mean=0.25, std=0.5, teacher="v4", teacher_weight=0.25, label_smoothing=0.2
)
MIXING = dataclasses.replace(RECIPES["classic"], batch=5, epochs=4, mix_probability=0.5, whole_from=0.75)
WHITE = np.full((16, 28, 28), 255, np.uint8)


class OfTheMean(nn.Module):
    """A network whose logits are 0 but that of class 3: the mean of the picture."""

    def forward(self, images):
        logits = torch.zeros(len(images), 10)
        logits[:, 3] = images.mean(dim=(1, 2, 3))
        return logits


def batches(recipe, teacher=None, images=WHITE, group=ALONE):
    """Of pictures, by default 16 that are white all over; with the labels 0 to 9 and from 0 on again."""
    labels = np.arange(len(images)) % 10
    data = DataSet(
        train_images=images, train_labels=labels, test_images=images, test_labels=labels, digest="made"
    )
    return Batches(data, recipe, group, torch.device("cpu"), teacher)


TEACHER = Teacher(OfTheMean(), mean=0.5, std=0.25, precision="float32")


def said_of(images):
    """What TEACHER must say of pictures that are normalised as TAUGHT wants it."""
    logits = torch.zeros(len(images), 10)
    logits[:, 3] = (images.mean(dim=(1, 2, 3)) * TAUGHT.std + TAUGHT.mean - 0.5) / 0.25
    return logits.softmax(dim=1)


def dealt(epoch):
    """An epoch's pictures: what is not 1 was erased."""
    found = batches(ERASING).shuffled(torch.Generator().manual_seed(1), epoch)
    return torch.cat([images for images, _, _ in found])


def test_the_last_epochs_of_a_run_see_pictures_that_are_not_erased():
    assert dealt(2).ne(1).flatten(1).any(dim=1).all()
    assert dealt(3).eq(1).all()


def test_what_is_learned_is_the_label_or_its_mixture_with_what_a_teacher_says():
    for _, labels, targets in batches(ERASING).shuffled(torch.Generator(), 0):
        assert targets.tolist() == labels.tolist()
    for images, labels, targets in batches(TAUGHT, TEACHER).shuffled(torch.Generator(), 0):
        expected = torch.full((8, 10), 0.75 * 0.2 / 10)  # the smoothing is of the label, not of the teacher
        expected[range(8), labels] += 0.75 * 0.8
        torch.testing.assert_close(targets, expected + 0.25 * said_of(images))


def test_a_teacher_is_asked_about_the_pictures_as_they_are_shown():
    recipe = dataclasses.replace(TAUGHT, teacher_weight=1.0, mix_probability=0.5)
    for images, _, targets in batches(recipe, TEACHER).shuffled(torch.Generator(), 0):
        torch.testing.assert_close(targets, said_of(images))
        assert images.mean(dim=(1, 2, 3)).unique().numel() == 8  # each is erased otherwise


def test_mixed_pictures_have_mixed_labels():
    grey = np.arange(10, dtype=np.uint8)[:, None, None] * np.full((28, 28), 25, np.uint8)
    found = list(batches(MIXING, images=grey).shuffled(torch.Generator().manual_seed(1), 0))
    for images, labels, targets in found:
        torch.testing.assert_close(targets.sum(1), torch.ones(5))
        # Picture n is of the grey n * 25, so a mixture's grey tells the mixture of the labels.
        greys = images.mean(dim=(1, 2, 3)) * 255 / 25
        torch.testing.assert_close(targets @ torch.arange(10.0), greys)
        assert targets.ne(0).sum(1).max() == 2
        assert targets.argmax(1).tolist() == labels.tolist()
    whole = sum(int((targets.max(1).values == 1).sum()) for _, _, targets in found)
    assert 0 < whole < 10


def test_the_last_epochs_of_a_run_see_pictures_that_are_not_mixed():
    for epoch, is_mixed in ((2, True), (3, False)):
        dealt_out = list(batches(MIXING).shuffled(torch.Generator().manual_seed(1), epoch))
        assert all(targets.is_floating_point() is is_mixed for _, _, targets in dealt_out)


def test_the_shares_of_two_processes_make_up_the_batches_of_one():
    recipe = dataclasses.replace(TAUGHT, mix_probability=0.5)

    def dealt_to(group):
        return batches(recipe, TEACHER, group=group).shuffled(torch.Generator().manual_seed(1), 0)

    halves = zip(dealt_to(Group(rank=0, size=2)), dealt_to(Group(rank=1, size=2)), strict=True)
    for whole, (first, second) in zip(dealt_to(ALONE), halves, strict=True):
        assert all(
            torch.equal(all_of_it, torch.cat(parts))
            for all_of_it, *parts in zip(whole, first, second, strict=True)
        )


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
