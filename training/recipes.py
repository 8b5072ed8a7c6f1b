"""The recipes: `classic` (the original's) and `modern` (ours).

What each part of `modern` brought, as far as it was measured, is in README.md.
"""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from fashion_pipeline.fashion.preprocessing import InputSpec

# Of the 60,000 training pictures, scaled to 0..1.
TRAIN_MEAN, TRAIN_STD = 0.2860, 0.3530
PARTS = (  # fields that are a part of something
    *("momentum", "whole_from", "erase_probability", "mix_probability"),
    *("label_smoothing", "average_decay", "step_factor", "warmup", "teacher_weight", "dropout"),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training settings. Sizes are in pixels of the 28x28 picture, `learning_rate` is the run's highest."""

    name: str
    epochs: int
    batch: int
    learning_rate: float
    schedule: Literal["step", "one-cycle"]
    momentum: float
    nesterov: bool
    weight_decay: float
    initial_weights: Literal["xavier", "torch"]
    mean: float
    std: float
    flips: bool
    shift_px: int = 0
    erase_probability: float = 0.0
    whole_from: float = 1.0  # the part of the run after which nothing is erased or mixed any more
    label_smoothing: float = 0.0
    dropout: float = 0.5  # the probability of a network's dropout layers, if it has any
    average_decay: float = 0.0  # of the exponential moving average of the weights, a step; 0: none
    step_epoch: int = 40  # schedule "step" only: from this epoch on …
    step_factor: float = 0.3  # … the learning rate is multiplied by this
    warmup: float = 0.2  # schedule "one-cycle" only: the part of the run in which the learning rate rises
    mix_probability: float = 0.0  # of a picture, to be laid over another (Zhang et al., arXiv:1710.09412)
    teacher: str = ""  # a model whose probabilities are mixed into the labels; "": none
    teacher_weight: float = 0.7  # … and their part in the mixture

    def __post_init__(self) -> None:
        """Raise ValueError for what no run can have."""
        for name in ("epochs", "batch", "std"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in PARTS:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        for name in ("learning_rate", "weight_decay", "shift_px"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.teacher not in ("", *MODELS):
            raise ValueError(f"teacher {self.teacher!r} is no model; known are {', '.join(MODELS)}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0; set nesterov=false too")

    def in_epoch(self, epoch: int) -> "Recipe":
        """What holds in an epoch, from 0. In the last ones pictures may be left whole: a network ends better
        on what it will be given (He et al., arXiv:1909.09148).
        """
        if epoch < self.whole_from * self.epochs:
            return self
        return replace(self, erase_probability=0.0, mix_probability=0.0)

    def to_plain(self) -> dict[str, Any]:
        """The values without those that are the default, so a new field leaves other runs as they were."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model's name stands for a network, with or without mirrored pictures."""

    network: str
    flips: bool


MODELS = {
    "v1": Model(network="v1", flips=False),
    "v1_da": Model(network="v1", flips=True),
    "v2": Model(network="v2", flips=False),
    "v2_da": Model(network="v2", flips=True),
    "v3": Model(network="v3", flips=False),
    "v3_da": Model(network="v3", flips=True),
    "v3_da_2": Model(network="v3", flips=True),
    "v4": Model(network="v4", flips=True),
}
# In the order to train all of them in: a teacher before its pupils.
ALL = ("v1", "v1_da", "v2", "v2_da", "v4", "v3", "v3_da", "v3_da_2")
SHIPPED = ("v1", "v1_da", "v2", "v2_da", "v4")  # under 5 MB each, so they lie in models/

CLASSIC = Recipe(
    name="classic",
    epochs=60,
    batch=128,
    learning_rate=0.025,
    schedule="step",
    momentum=0.9,
    nesterov=False,
    weight_decay=0.0,
    initial_weights="xavier",
    mean=0.0,
    std=1.0,
    flips=False,
)

MODERN = Recipe(
    name="modern",
    epochs=30,
    batch=128,
    learning_rate=0.05,
    schedule="one-cycle",
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    initial_weights="torch",
    mean=TRAIN_MEAN,
    std=TRAIN_STD,
    flips=False,
    shift_px=2,
    erase_probability=0.5,
    label_smoothing=0.1,
    average_decay=0.998,
)

RECIPES = {"classic": CLASSIC, "modern": MODERN}

# What a logit is divided by before the softmax, so that scores are honest: measured on the held-out
# pictures by runs with --hold-out (which print it), not on the test pictures; 1 where nothing was measured.
TEMPERATURES: dict[tuple[str, str], float] = {
    ("v1", "modern"): 0.66,
    ("v2", "modern"): 0.65,
    ("v3", "modern"): 0.68,
    ("v4", "modern"): 0.7,
}


def recipe_for(model: str, recipe: str) -> Recipe:
    """Return the recipe with what is particular to a model.

    Raises ValueError, with the known names, for an unknown model or recipe.
    """
    if model not in MODELS:
        raise ValueError(f"unknown model {model!r}; known are {', '.join(MODELS)}")
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; known are {', '.join(RECIPES)}")
    chosen = replace(RECIPES[recipe], flips=MODELS[model].flips)
    if (model, recipe) == ("v3_da_2", "classic"):
        chosen = replace(chosen, epochs=80, learning_rate=0.015)
    # What these small networks can't learn in 30 epochs they are spared: see the choices in README.md.
    if (MODELS[model].network, recipe) == ("v1", "modern"):
        chosen = replace(chosen, erase_probability=0.0, shift_px=1)
    if (MODELS[model].network, recipe) == ("v2", "modern"):
        chosen = replace(chosen, epochs=60, erase_probability=0.0)
    if (model, recipe) == ("v4", "modern"):
        chosen = replace(chosen, epochs=50, learning_rate=0.1, whole_from=0.9)
    if (MODELS[model].network, recipe) == ("v3", "modern"):
        chosen = replace(chosen, epochs=24, batch=256, learning_rate=0.1, erase_probability=0.0, shift_px=1)
        chosen = replace(chosen, label_smoothing=0.0, dropout=0.0)
        chosen = replace(chosen, teacher="v4", mix_probability=0.5, whole_from=0.75)
    return chosen


def input_spec(recipe: Recipe) -> InputSpec:
    """Return the input of a network trained by `recipe`.

    Letterbox, because the pictures of the data set were made so: the longer side scaled, the shorter centred.
    """
    return InputSpec(color="grey", size_wh=(28, 28), fit="letterbox", mean=(recipe.mean,), std=(recipe.std,))


def rate_factor(progress: float, epoch: int, recipe: Recipe) -> float:
    """Return the factor on the highest learning rate. progress: 0 to 1 over the whole run; epoch: from 0.

    One-cycle: up from a tenth to 1 in the part `warmup`, then down to 0 (Smith and Topin, arXiv:1708.07120).
    """
    if recipe.schedule == "step":
        return recipe.step_factor if epoch >= recipe.step_epoch else 1.0
    if progress < recipe.warmup:
        return 0.1 + 0.9 * progress / recipe.warmup
    return (1 - progress) / (1 - recipe.warmup)


def changed(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Return the recipe with other values, to see what a part of it brings: each setting is "FIELD=VALUE".

    The changes are in its name. Raises ValueError, with the nearest known field, for what is no setting.
    """
    kinds = {
        field.name: type(getattr(recipe, field.name)) for field in fields(Recipe) if field.name != "name"
    }
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting}: give FIELD=VALUE")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(kinds)}"
            raise ValueError(f"--set {setting}: a recipe has no {name!r}; {hint}")
        value: Any = _value(setting, text, kinds[name])
        try:
            recipe = replace(recipe, **{"name": f"{recipe.name}-{setting}", name: value})
        except ValueError as error:
            raise ValueError(f"--set {setting}: {error}") from None
    return recipe


def _value(setting: str, text: str, kind: type) -> bool | int | float | str:
    if kind is bool and text in ("true", "false"):
        return text == "true"
    choices = {"schedule": ("step", "one-cycle"), "initial_weights": ("xavier", "torch")}
    known = choices.get(setting.partition("=")[0], (text,))
    try:
        if kind is not bool and text in known:
            value: int | float | str = kind(text)
            return value
    except ValueError:
        pass
    wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, " or ".join(known))
    raise ValueError(f"--set {setting}: {text!r} is not {wanted}")
