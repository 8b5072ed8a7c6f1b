"""The recipes, every number of them: `classic` (the original's) and `modern` (ours).

What each part of `modern` brought is in the results table of README.md.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

from fashion.preprocessing import InputSpec

# Of the 60,000 training pictures, scaled to 0..1.
TRAIN_MEAN, TRAIN_STD = 0.2860, 0.3530


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. Sizes are in pixels of the 28x28 picture, `learning_rate` is the highest of the run."""

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
    label_smoothing: float = 0.0
    average_decay: float = 0.0  # of the exponential moving average of the weights, a step; 0: none
    step_epoch: int = 40  # schedule "step" only: from this epoch on …
    step_factor: float = 0.3  # … the learning rate is multiplied by this
    warmup: float = 0.2  # schedule "one-cycle" only: the part of the run in which the learning rate rises


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

# What a logit is divided by before the softmax, so that scores are honest: measured on the held-out pictures
# by runs with --hold-out (which print it), not on the test pictures. 1 where nothing was measured.
TEMPERATURES: dict[tuple[str, str], float] = {("v1", "modern"): 0.66, ("v2", "modern"): 0.65}


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
        chosen = replace(chosen, epochs=36, learning_rate=0.1)
    if (MODELS[model].network, recipe) == ("v3", "modern"):
        chosen = replace(chosen, epochs=18)
    return chosen


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
        recipe = replace(
            recipe, name=f"{recipe.name}-{setting}", **{name: _value(setting, text, kinds[name])}
        )
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


def input_spec(recipe: Recipe) -> InputSpec:
    """What a network trained by `recipe` takes.

    Letterbox, because the pictures of the data set were made so: the longer side scaled, the shorter centred.
    """
    return InputSpec(color="grey", size_wh=(28, 28), fit="letterbox", mean=(recipe.mean,), std=(recipe.std,))


def rate_factor(progress: float, epoch: int, recipe: Recipe) -> float:
    """What the highest learning rate is multiplied by. progress: 0 to 1 over the whole run; epoch: from 0."""
    if recipe.schedule == "step":
        return recipe.step_factor if epoch >= recipe.step_epoch else 1.0
    if progress < recipe.warmup:
        return 0.1 + 0.9 * progress / recipe.warmup
    return (1 - progress) / (1 - recipe.warmup)
