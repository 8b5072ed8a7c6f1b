"""Change pictures at random, a whole batch at a time.

What happens to each picture is drawn for the batch on the CPU from a given generator, then carried out where
the pictures are, so a run has the same pictures on every device.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fashion_pipeline.training.recipes import Recipe

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
