"""What a finished model, as a teacher, thinks of the training pictures."""

from pathlib import Path

import torch
from torch import Tensor

from fashion.model_file import file_digest, load_network, read_info
from training.data import DataSet
from training.evaluate import predict
from training.recipes import Recipe


def teacher_path(recipe: Recipe, models: Path) -> Path | None:
    """The model file of a recipe's teacher, in the folder of the models; None if it has none."""
    return models / f"{recipe.teacher}.safetensors" if recipe.teacher else None


def teacher_digest(recipe: Recipe, models: Path) -> str:
    """The sha256 of the teacher's file, "" if there is none. Raises ModelFileError if it cannot be used."""
    path = teacher_path(recipe, models)
    if path is None:
        return ""
    read_info(path)
    return file_digest(path)


def teach(recipe: Recipe, models: Path, data: DataSet, device: torch.device) -> Tensor | None:
    """The teacher's probabilities of the training pictures, float32 N x 10 on the CPU; None without one.

    For the whole, unchanged pictures (with mirrored ones in the recipe, the mean of both logits), so that
    they are computed once and not at each step. Without the teacher's temperature: scores that label
    smoothing has made low tell more of the classes beside the likeliest. (Hinton, Vinyals, Dean,
    arXiv:1503.02531.) Raises ModelFileError if the file cannot be used.
    """
    path = teacher_path(recipe, models)
    if path is None:
        return None
    network = load_network(path).to(device)
    logits = predict(network, data.train_images, read_info(path).input, flip=recipe.flips)
    return torch.from_numpy(logits).softmax(dim=1)
