"""Train models: `python -m training.train --model v2_da --recipe modern`.

Stop it at any moment; the same command goes on from the last epoch.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from fashion.model_file import ModelFileError
from training.checkpoint import CheckpointError, checkpoint_path
from training.data import HELD_OUT, DataError, DataSet, find_folder, hold_out, load
from training.groups import Group, GroupError, joined_group, local_device
from training.loop import Job, train
from training.precision import PRECISIONS, quick_precision
from training.progress import Progress, duration, estimate_s
from training.recipes import MODELS, RECIPES, SHIPPED, changed, recipe_for
from training.results import write_results

GROUPS = {"shipped": SHIPPED, "all": tuple(MODELS)}


def main(arguments: list[str] | None = None) -> int:
    """Train what the arguments name. Exit status: 0, 130 if stopped, or 2 if what is given cannot be used."""
    options = parse(arguments)
    try:
        device = local_device(options.device)
        with joined_group(device) as group:
            data = load(find_folder(may_download=options.download))
            if options.hold_out:
                data = hold_out(data, options.hold_out)
            precision = quick_precision(device) if options.precision == "auto" else options.precision
            jobs = [
                job_for(model, options, precision)
                for name in options.model
                for model in GROUPS.get(name, (name,))
            ]
            run_all(jobs, data, group, options)
    except (DataError, CheckpointError, GroupError, ModelFileError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last whole epoch", file=sys.stderr)
        return 130
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
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
        default=0,
        metavar="N",
        help=f"choose by N training pictures ({HELD_OUT:,}), not the test pictures; writes no model",
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of the model files")
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
    try:
        for model in options.model:
            changed(recipe_for(GROUPS.get(model, (model,))[0], options.recipe), options.set)
    except ValueError as error:
        parser.error(str(error))
    return options


def job_for(model: str, options: argparse.Namespace, precision: str) -> Job:
    recipe = changed(recipe_for(model, options.recipe), options.set)
    return Job(
        model=model,
        recipe=recipe if options.epochs is None else replace(recipe, epochs=options.epochs),
        seed=options.seed,
        precision=precision,
        held_out=options.hold_out,
        compiled=options.compile,
    )


def run_name(job: Job, recipe: str) -> str:
    """A name for the files of a run; the epochs are in it only if they are not the own ones of `recipe`."""
    own_epochs = recipe_for(job.model, recipe).epochs
    epochs = "" if job.recipe.epochs == own_epochs else f"-{job.recipe.epochs}epochs"
    return f"{job.model}-{job.recipe.name}{epochs}-seed{job.seed}" + ("-held-out" if job.held_out else "")


def run_all(jobs: list[Job], data: DataSet, group: Group, options: argparse.Namespace) -> None:
    """Say how long it will take, then train one model after another."""
    if group.is_first:
        seconds = sum(estimate_s(job, data, options.device) for job in jobs) / group.size
        names = ", ".join(job.model for job in jobs) + f" by {options.recipe}"
        how = f"on {torch.get_num_threads()} threads, in {jobs[0].precision}"
        print(f"{names}: about {duration(seconds)} {how}", flush=True)
    for job in jobs:
        name = run_name(job, options.recipe)
        with Progress(name, job, options.results / f"{name}.log", is_shown=group.is_first) as progress:
            outcome = train(
                job,
                data,
                group,
                device_name=options.device,
                on_epoch=progress.on_epoch,
                on_step=progress.on_step,
            )
        if group.is_first:
            text = write_results(
                name,
                job,
                data,
                outcome,
                processes=group.size,
                results=options.results,
                models=None if options.no_model or options.set or job.held_out else options.models,
            )
            print(text, flush=True)
            checkpoint_path(job.identity(data, group)).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
