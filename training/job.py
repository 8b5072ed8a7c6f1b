"""A training run, as it was asked for."""

from dataclasses import dataclass, fields
from typing import Any

import torch

from fashion_pipeline.fashion.networks import NETWORKS
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.groups import Group
from fashion_pipeline.training.recipes import MODELS, Recipe


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run: with the data, all that its result depends on."""

    model: str
    recipe: Recipe
    seed: int
    precision: str
    held_out: int = 0  # training pictures to choose by; 0: train on all
    compiled: bool = False
    taught_by: str = ""  # sha256 of the model file of the recipe's teacher; "": none

    def identity(self, data: DataSet, group: Group) -> dict[str, Any]:
        """What a run's result depends on, bit by bit, as plain values; without those that are the default, so
        that a new field leaves other runs as they were.
        """
        return {
            **{
                field.name: getattr(self, field.name)
                for field in fields(self)
                if getattr(self, field.name) != field.default
            },
            "recipe": self.recipe.to_plain(),
            "parameters": NETWORKS[MODELS[self.model].network].parameters,
            "data": data.digest,
            "processes": group.size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }
