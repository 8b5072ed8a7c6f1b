"""Change a recipe by settings from the command line."""

import difflib
from collections.abc import Iterable
from dataclasses import fields, replace

from fashion_pipeline.training.recipes import Recipe


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
        value = _value(setting, text, kinds[name])
        try:
            recipe = replace(recipe, name=f"{recipe.name}-{setting}", **{name: value})
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
