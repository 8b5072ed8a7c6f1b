"""The training pictures, dealt in batches to the processes of a group."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.preprocessing import to_batch
from fashion_pipeline.training.augment import apply_changes, draw_changes
from fashion_pipeline.training.data import SIDE_PX, DataError, DataSet
from fashion_pipeline.training.groups import Group
from fashion_pipeline.training.recipes import Recipe, input_spec
from fashion_pipeline.training.teacher import Teacher


class Batches:
    """All training pictures on a device, and this process's share of each batch of them.

    count: batches in an epoch; share: which pictures of a batch are this process's. Raises DataError if there
    is less than a batch of data, GroupError if a batch cannot be dealt evenly.
    """

    def __init__(
        self,
        data: DataSet,
        recipe: Recipe,
        group: Group,
        device: torch.device,
        teacher: Teacher | None = None,
    ) -> None:
        self.device = device
        self._recipe = recipe
        self._teacher = teacher
        self._images = torch.from_numpy(to_batch(list(data.train_images), input_spec(recipe))).to(device)
        self._labels = torch.from_numpy(data.train_labels).to(device)
        # What is left of an epoch's pictures waits for another order, so that all batches are of one size.
        self.count = len(self._labels) // recipe.batch
        if not self.count:
            raise DataError(
                f"{len(self._labels)} training pictures are fewer than one batch of {recipe.batch}"
            )
        self.share = group.share_of(recipe.batch)

    def shuffled(self, generator: torch.Generator, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield an epoch's changed pictures, float32 n x C x 28 x 28, their labels, int64 n, and what to
        learn: labels too, or probabilities, float32 n x 10, if pictures are mixed or there is a teacher.

        epoch: from 0; in the last ones pictures may be left whole.
        The generator decides on order and changes; seeded alike in all processes, their shares make up the
        batches that one process alone would have.
        """
        recipe = self._recipe.in_epoch(epoch)
        order = torch.randperm(len(self._labels), generator=generator)
        for start in range(0, self.count * recipe.batch, recipe.batch):
            chosen = order[start:][self.share].to(self.device)
            images, labels = self._changed(chosen, recipe, generator), self._labels[chosen]
            targets = self._smoothed(labels) if self._teacher else labels
            if recipe.mix_probability:
                images, labels, targets = self._mixed(images, labels, recipe, generator)
            if self._teacher:
                thoughts = self._teacher.probabilities(images * recipe.std + recipe.mean)
                targets = targets.lerp(thoughts, recipe.teacher_weight)
            yield images, labels, targets

    def _changed(self, chosen: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
        """Pictures, this process's share of a batch, changed at random."""
        changes = draw_changes(recipe.batch, SIDE_PX, recipe, generator).part(self.share)
        return apply_changes(self._images[chosen], changes, recipe)

    def _mixed(
        self, images: Tensor, labels: Tensor, recipe: Recipe, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Lay others over some pictures, by any part of them, and mix the smoothed labels alike. Return the
        pictures, the labels of the stronger parts, and the mixed ones, float32 n x 10.
        """
        mates = torch.randint(0, len(self._labels), (recipe.batch,), generator=generator)
        draws = torch.rand(2, recipe.batch, generator=generator)
        parts = (draws[0] * (draws[1] < recipe.mix_probability))[self.share].to(self.device)
        mates = mates[self.share].to(self.device)
        others = self._labels[mates]
        return (
            images.lerp(self._changed(mates, recipe, generator), parts[:, None, None, None]),
            torch.where(parts < 0.5, labels, others),
            self._smoothed(labels).lerp(self._smoothed(others), parts[:, None]),
        )

    def _smoothed(self, labels: Tensor) -> Tensor:
        """The recipe's smoothed probabilities for labels, float32 n x 10."""
        classes = len(LABELS)
        known = one_hot(labels, classes).float()
        return known.lerp(torch.full_like(known, 1 / classes), self._recipe.label_smoothing)
