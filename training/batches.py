"""The training pictures, dealt in batches to the processes of a group."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from fashion.preprocessing import to_batch
from training.augment import apply_changes, draw_changes
from training.data import SIDE_PX, DataError, DataSet
from training.groups import Group
from training.recipes import Recipe, input_spec


class Batches:
    """All training pictures on a device, and this process's share of each batch of them.

    count: batches in an epoch; share: which pictures of a batch are this process's. Raises DataError if there
    is less than a batch of data, GroupError if a batch cannot be dealt evenly.
    """

    def __init__(self, data: DataSet, recipe: Recipe, group: Group, device: torch.device) -> None:
        self.device = device
        self._recipe = recipe
        self._images = torch.from_numpy(to_batch(list(data.train_images), input_spec(recipe))).to(device)
        self._labels = torch.from_numpy(data.train_labels).to(device)
        self._targets = self._labels
        # What is left of an epoch's pictures waits for another order, so that all batches are of one size.
        self.count = len(self._labels) // recipe.batch
        if not self.count:
            raise DataError(
                f"{len(self._labels)} training pictures are fewer than one batch of {recipe.batch}"
            )
        self.share = group.share_of(recipe.batch)

    def learn_from(self, taught: Tensor) -> None:
        """Mix a teacher's probabilities of the training pictures, float32 N x 10, into the labels."""
        classes = taught.shape[1]
        known = one_hot(self._labels, classes).float()
        known = known.lerp(torch.full_like(known, 1 / classes), self._recipe.label_smoothing)
        self._targets = known.lerp(taught.to(self.device), self._recipe.teacher_weight)

    def shuffled(self, generator: torch.Generator, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield an epoch's changed pictures, float32 n x C x 28 x 28, their labels, int64 n, and what to
        learn: with a teacher probabilities, float32 n x 10, else the labels.

        epoch: from 0; in the last ones pictures may be left whole.
        The generator decides on order and changes; seeded alike in all processes, their shares make up the
        batches that one process alone would have.
        """
        recipe = self._recipe
        if not recipe.erases_in(epoch):
            recipe = replace(recipe, erase_probability=0.0)
        order = torch.randperm(len(self._labels), generator=generator)
        for start in range(0, self.count * recipe.batch, recipe.batch):
            changes = draw_changes(recipe.batch, SIDE_PX, recipe, generator).part(self.share)
            chosen = order[start:][self.share].to(self.device)
            images = apply_changes(self._images[chosen], changes, recipe)
            yield images, self._labels[chosen], self._targets[chosen]
