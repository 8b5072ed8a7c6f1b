import dataclasses

import numpy as np
import torch

from training.batches import Batches
from training.data import DataSet
from training.groups import Group
from training.recipes import RECIPES

ERASING = dataclasses.replace(RECIPES["classic"], batch=8, epochs=4, erase_probability=1.0, erase_until=0.75)
TAUGHT = dataclasses.replace(
    RECIPES["classic"], batch=8, teacher="v4", teacher_weight=0.25, label_smoothing=0.2
)


def batches(recipe):
    """Of a data set of 16 pictures that are white all over, with the labels 0 to 9 and 0 to 5."""
    white, labels = np.full((16, 28, 28), 255, np.uint8), np.arange(16) % 10
    data = DataSet(
        train_images=white, train_labels=labels, test_images=white, test_labels=labels, digest="white"
    )
    return Batches(data, recipe, Group(rank=0, size=1), torch.device("cpu"))


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
    taught = torch.zeros(16, 10)
    taught[range(16), [(label + 1) % 10 for label in (*range(10), *range(6))]] = 1  # wrong by one everywhere
    learning = batches(TAUGHT)
    learning.learn_from(taught)
    for _, labels, targets in learning.shuffled(torch.Generator(), 0):
        expected = torch.full((8, 10), 0.75 * 0.2 / 10)  # the smoothing is of the label, not of the teacher
        expected[range(8), labels] += 0.75 * 0.8
        expected[range(8), (labels + 1) % 10] += 0.25
        torch.testing.assert_close(targets, expected)
