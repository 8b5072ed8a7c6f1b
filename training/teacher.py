"""What a teacher, a finished model, thinks of the training pictures."""

from pathlib import Path

import torch
from torch import Tensor, nn

from fashion.model_file import load_network, read_info
from fashion.preprocessing import InputSpec
from training.data import DataSet
from training.evaluate import predict
from training.groups import Group
from training.recipes import Recipe


def teacher_path(recipe: Recipe, models: Path) -> Path | None:
    """Where the model file of a recipe's teacher lies, in the folder of the models; None if it has none."""
    return models / f"{recipe.teacher}.safetensors" if recipe.teacher else None


def find_teacher(recipe: Recipe, models: Path) -> Path | None:
    """The same, of a file that is there. Raises ModelFileError if it is not, or cannot be used."""
    path = teacher_path(recipe, models)
    if path is not None:
        read_info(path)
    return path


def teach(teacher: Path, data: DataSet, group: Group, device: torch.device, *, flip: bool) -> Tensor:
    """What the model of a file thinks; see `probabilities`. Raises ModelFileError if it cannot be used."""
    return probabilities(load_network(teacher).to(device), read_info(teacher).input, data, group, flip=flip)


def probabilities(network: nn.Module, spec: InputSpec, data: DataSet, group: Group, *, flip: bool) -> Tensor:
    """A network's probabilities of the training pictures, float32 N x 10 on its device.

    Each process of the group, all with the same network, looks at a part of the pictures, as they are: once,
    and not at each step. flip: by the mean of the logits of each and of its mirror image. Without a
    temperature: scores that label smoothing has made low tell more of the classes beside the likeliest.
    (Hinton, Vinyals, Dean, arXiv:1503.02531.) Leaves the network in evaluation mode.
    """
    part = group.part_of(len(data.train_images))
    logits = torch.from_numpy(predict(network, data.train_images[part], spec, flip=flip))
    found = torch.zeros(len(data.train_images), logits.shape[1], device=next(network.parameters()).device)
    found[part] = logits.softmax(dim=1).to(found.device)
    return group.summed(found)
