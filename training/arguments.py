"""The command line of `python -m training.train`."""

import argparse
from dataclasses import replace
from pathlib import Path

from fashion_pipeline.training.data import HELD_OUT
from fashion_pipeline.training.precision import PRECISIONS
from fashion_pipeline.training.recipes import ALL, MODELS, RECIPES, SHIPPED, Recipe, recipe_for
from fashion_pipeline.training.settings import changed

GROUPS = {"shipped": SHIPPED, "all": ALL}
LARGEST_SEED = 1_000_000_000
ABOUT = """Train models: `python -m training.train --model v2_da --recipe modern`.

Stop it at any moment; the same command goes on from the last epoch.
"""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read and check the arguments; a wrong one ends the program with status 2 and says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=ABOUT)
    parser.add_argument(
        "--model", nargs="+", required=True, choices=(*MODELS, *GROUPS), help="models, or 'shipped' or 'all'"
    )
    parser.add_argument("--recipe", default="modern", choices=tuple(RECIPES))
    parser.add_argument("--epochs", type=int, help="another number than the recipe's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="another value in the recipe, to see what it brings, e.g. average_decay=0; writes no model",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--device", default="cpu", help="cpu, cuda or cuda:1; several GPUs: start by torchrun"
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", *PRECISIONS),
        help="of convolutions; auto: bfloat16 where the device is quick in it, else float32",
    )
    parser.add_argument(
        "--compile", action="store_true", help="let torch.compile fuse the network's operations"
    )
    parser.add_argument(
        "--hold-out",
        type=int,
        nargs="?",
        const=HELD_OUT,
        metavar="N",
        help=f"choose by N training pictures ({HELD_OUT:,}), not the test pictures; writes no model",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        help="folder of the model files; into models/ itself go only whole runs by the shipped recipe, if "
        "they are no worse than what lies there; the others go to out/models/",
    )
    parser.add_argument(
        "--results", type=Path, default=Path("training/results"), help="folder of results and logs"
    )
    parser.add_argument("--no-model", action="store_true", help="only measure: write results, no model")
    parser.add_argument(
        "--download", action="store_true", help="fetch Fashion-MNIST (31 MB) if it is not there yet"
    )
    options = parser.parse_args(arguments)
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")
    if options.hold_out is not None and options.hold_out < 1:
        parser.error(f"--hold-out must be at least 1, got {options.hold_out}")
    if not 0 <= options.seed <= LARGEST_SEED:
        parser.error(f"--seed must be from 0 to {LARGEST_SEED:,}, got {options.seed}")
    try:
        for model in wanted_models(options):
            wanted_recipe(model, options)
    except ValueError as error:
        parser.error(str(error))
    return options


def wanted_recipe(model: str, options: argparse.Namespace) -> Recipe:
    """Raises ValueError for a setting that is none."""
    recipe = changed(recipe_for(model, options.recipe), options.set)
    return recipe if options.epochs is None else replace(recipe, epochs=options.epochs)


def wanted_models(options: argparse.Namespace) -> list[str]:
    return [model for name in options.model for model in GROUPS.get(name, (name,))]


def writes_models(options: argparse.Namespace) -> bool:
    return not (options.no_model or options.set or options.hold_out)
