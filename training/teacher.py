"""What a finished model, as a teacher, thinks of the training pictures."""

from pathlib import Path

import torch
from torch import Tensor

from fashion.model_file import load_network, read_info
from training.data import DataSet
from training.evaluate import predict
from training.recipes import Recipe


def find_teacher(recipe: Recipe, models: Path) -> Path | None:
    """The model file of a recipe's teacher, in the folder of the models; None if the recipe has none.

    Raises ModelFileError if it is not there or cannot be used.
    """
    if not recipe.teacher:
        return None
    path = models / f"{recipe.teacher}.safetensors"
    read_info(path)
    return path


def teach(teacher: Path, data: DataSet, device: torch.device, *, flip: bool) -> Tensor:
    """A teacher's probabilities of the training pictures, float32 N x 10 on the CPU.

    For the whole, unchanged pictures, so that they are computed once and not at each step; flip: by the mean
    of the logits of each and of its mirror image. Without the teacher's temperature: scores that label
    smoothing has made low tell more of the classes beside the likeliest. (Hinton, Vinyals, Dean,
    arXiv:1503.02531.) Raises ModelFileError if the file cannot be used.
    """
    network = load_network(teacher).to(device)
    logits = predict(network, data.train_images, read_info(teacher).input, flip=flip)
    return torch.from_numpy(logits).softmax(dim=1)
