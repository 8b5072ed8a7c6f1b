"""The training pictures, changed at random and dealt in batches to the processes of a group."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import load_network, read_info
from fashion_pipeline.fashion.preprocessing import to_batch
from fashion_pipeline.training.data import SIDE_PX, DataError, DataSet
from fashion_pipeline.training.devices import Group, computing_in
from fashion_pipeline.training.recipes import Recipe, input_spec

ERASED_AREA = (0.02, 0.25)  # of the picture (random erasing, Zhong et al., arXiv:1708.04896)
ERASED_ASPECT = (0.3, 3.3)


@dataclass(frozen=True)
class Changes:
    """For each picture of a batch: rows and columns to take (N x H, N x W; into the picture with its margin),
    and which pixels to replace by what (N x H x W, bool and float), or None for none."""

    rows: Tensor
    columns: Tensor
    erased: Tensor | None
    noise: Tensor | None

    def part(self, share: slice) -> "Changes":
        """The changes of some pictures of the batch."""
        erased = None if self.erased is None else self.erased[share]
        noise = None if self.noise is None else self.noise[share]
        return Changes(self.rows[share], self.columns[share], erased, noise)


def draw_changes(count: int, side_px: int, recipe: Recipe, generator: torch.Generator) -> Changes:
    """Draw what happens to `count` square pictures: a shift each way, a mirror image, an erased rectangle."""
    steps = torch.arange(side_px)
    offsets = torch.randint(0, 2 * recipe.shift_px + 1, (2, count), generator=generator)
    columns = steps.expand(count, side_px)
    if recipe.flips:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, side_px - 1 - steps, columns)
    erased = noise = None
    if recipe.erase_probability:
        erased = _draw_rectangles(count, side_px, recipe.erase_probability, generator)
        noise = torch.randn(count, side_px, side_px, generator=generator)
    return Changes(steps + offsets[0, :, None], columns + offsets[1, :, None], erased, noise)


def apply_changes(images: Tensor, changes: Changes, recipe: Recipe) -> Tensor:
    """Return changed copies of normalised `images` (N x C x H x W); what a shift brings in is black."""
    black = -recipe.mean / recipe.std
    padded = torch.nn.functional.pad(images, [recipe.shift_px] * 4, value=black)
    device = images.device
    rows, columns = changes.rows.to(device), changes.columns.to(device)
    which = torch.arange(len(images), device=device)[:, None, None]
    # Indexing by three tensors around a slice puts the channels last: N x H x W x C.
    changed = padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if changes.erased is None or changes.noise is None:
        return changed
    return torch.where(changes.erased.to(device)[:, None], changes.noise.to(device)[:, None], changed)


def _draw_rectangles(count: int, side_px: int, probability: float, generator: torch.Generator) -> Tensor:
    """True inside one rectangle a picture, N x side x side; nowhere for the pictures left whole."""
    draws = torch.rand(5, count, generator=generator)
    area = side_px**2 * (ERASED_AREA[0] + draws[0] * (ERASED_AREA[1] - ERASED_AREA[0]))
    low, high = torch.tensor(ERASED_ASPECT).log()
    aspect = (low + draws[1] * (high - low)).exp()
    height = (area * aspect).sqrt().round().clamp(1, side_px)
    width = (area / aspect).sqrt().round().clamp(1, side_px)
    top, left = (draws[2] * (side_px + 1 - height)).floor(), (draws[3] * (side_px + 1 - width)).floor()
    steps = torch.arange(side_px)
    in_rows = (steps >= top[:, None]) & (steps < (top + height)[:, None])
    in_columns = (steps >= left[:, None]) & (steps < (left + width)[:, None])
    inside: Tensor = in_rows[:, :, None] & in_columns[:, None, :] & (draws[4] < probability)[:, None, None]
    return inside


def teacher_path(recipe: Recipe, models: Path) -> Path | None:
    """Return the model file of a recipe's teacher, in the models folder; None if it has no teacher."""
    return models / f"{recipe.teacher}.safetensors" if recipe.teacher else None


def find_teacher(recipe: Recipe, models: Path) -> Path | None:
    """The same, of a file that is there. Raises ModelFileError if it is not, or cannot be used."""
    path = teacher_path(recipe, models)
    if path is not None:
        read_info(path)
    return path


@dataclass(frozen=True)
class Teacher:
    """network: in evaluation mode. mean, std: of the pictures that it takes. precision: it computes in."""

    network: nn.Module
    mean: float
    std: float
    precision: str

    @classmethod
    def load(cls, path: Path, device: torch.device, precision: str) -> "Teacher":
        """Raises ModelFileError for a file that cannot be used."""
        taken = read_info(path).input
        network = load_network(path).to(device).to(memory_format=torch.channels_last)
        return cls(network, taken.mean[0], taken.std[0], precision)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the teacher's answers for pictures, float32 n x 1 x 28 x 28, scaled to 0..1: float32 n x 10.

        Without a temperature: scores that label smoothing has made low tell more of the classes beside the
        likeliest (Hinton, Vinyals, Dean, arXiv:1503.02531).
        """
        normalised = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        with computing_in(self.precision, images.device):
            logits = self.network(normalised)
        probabilities: Tensor = logits.float().softmax(dim=1)
        return probabilities


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
