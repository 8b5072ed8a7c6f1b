"""A teacher: a finished model that says what it thinks of each training picture, as it is shown."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fashion_pipeline.fashion.model_file import load_network, read_info
from fashion_pipeline.training.precision import computing_in
from fashion_pipeline.training.recipes import Recipe


def teacher_path(recipe: Recipe, models: Path) -> Path | None:
    """Where the model file of a recipe's teacher lies, in the folder of the models; None if it has none."""
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
        """What it thinks of pictures, float32 n x 1 x 28 x 28, scaled to 0..1: float32 n x 10.

        Without a temperature: scores that label smoothing has made low tell more of the classes beside the
        likeliest (Hinton, Vinyals, Dean, arXiv:1503.02531).
        """
        normalised = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        with computing_in(self.precision, images.device):
            logits = self.network(normalised)
        probabilities: Tensor = logits.float().softmax(dim=1)
        return probabilities
