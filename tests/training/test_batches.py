import dataclasses

import numpy as np
import torch

from training.batches import Batches
from training.data import DataSet
from training.groups import Group
from training.recipes import RECIPES

ERASING = dataclasses.replace(RECIPES["classic"], batch=8, erase_probability=1.0, erase_until=0.75)


def dealt(progress):
    """An epoch's pictures, of a data set that is white all over: what is not 1 was erased."""
    white, labels = np.full((16, 28, 28), 255, np.uint8), np.arange(16) % 10
    data = DataSet(
        train_images=white, train_labels=labels, test_images=white, test_labels=labels, digest="white"
    )
    batches = Batches(data, ERASING, Group(rank=0, size=1), torch.device("cpu"))
    return torch.cat([images for images, _ in batches.shuffled(torch.Generator().manual_seed(1), progress)])


def test_the_last_epochs_of_a_run_see_pictures_that_are_not_erased():
    assert dealt(0.5).ne(1).flatten(1).any(dim=1).all()
    assert dealt(0.75).eq(1).all()
