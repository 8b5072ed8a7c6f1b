"""The command `python -m training.train`: train models, one after another by the recipe that is named."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from fashion_pipeline.fashion.model_file import ModelFileError, file_digest
from fashion_pipeline.training.batches import Teacher, find_teacher, teacher_path
from fashion_pipeline.training.data import HELD_OUT, DataError, DataSet, find_folder, hold_out, load
from fashion_pipeline.training.devices import (
    PRECISIONS,
    Group,
    GroupError,
    joined_group,
    keep_freed_memory,
    local_device,
    quick_precision,
)
from fashion_pipeline.training.loop import estimate_s, train
from fashion_pipeline.training.recipes import ALL, MODELS, RECIPES, SHIPPED, Recipe, changed, recipe_for
from fashion_pipeline.training.results import (
    TRIED_FOLDER,
    is_shipped_folder,
    place_of,
    why_not_whole,
    write_results,
)
from fashion_pipeline.training.runs import (
    CheckpointError,
    Job,
    TrainingProgress,
    checkpoint_folder,
    checkpoint_path,
    duration,
    remove_checkpoint,
)

GROUPS = {"shipped": SHIPPED, "all": ALL}
LARGEST_SEED = 1_000_000_000
ABOUT = """Train models: `python -m training.train --model v2_da --recipe modern`.

Stop it at any moment; the same command goes on from the last epoch.
"""


def main(arguments: list[str] | None = None) -> int:
    """Train what the arguments name. Exit status: 0, 130 if stopped, or 2 if what is given cannot be used."""
    options = parse(arguments)
    keep_freed_memory()
    try:
        device = local_device(options.device)
        make_folders(options)
        with joined_group(device) as group:
            if group.is_first_here:
                find_folder(may_download=options.download)
            group.wait()
            data = load(find_folder(may_download=options.download))
            if options.hold_out:
                data = hold_out(data, options.hold_out)
            precision = quick_precision(device) if options.precision == "auto" else options.precision
            jobs = [job_for(model, options, precision) for model in wanted_models(options)]
            require_teachers(jobs, data, options)
            run_all(jobs, data, group, options)
    except (DataError, CheckpointError, GroupError, ModelFileError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last whole epoch", file=sys.stderr)
        return 130
    return 0


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


def job_for(model: str, options: argparse.Namespace, precision: str) -> Job:
    return Job(
        model=model,
        recipe=wanted_recipe(model, options),
        seed=options.seed,
        precision=precision,
        held_out=options.hold_out or 0,
        compiled=options.compile,
    )


def require_teachers(jobs: list[Job], data: DataSet, options: argparse.Namespace) -> None:
    """Raise ModelFileError for a teacher that is not there and is not trained before it is asked."""
    made: set[str] = set()
    for job in jobs:
        if job.recipe.teacher and job.recipe.teacher not in made:
            find_teacher(job.recipe, options.models)
        if writes_models(options) and not (is_shipped_folder(options.models) and why_not_whole(job, data)):
            made.add(job.model)


def taught(job: Job, options: argparse.Namespace) -> Job:
    """The job with the digest of its teacher's file, if it has one and that is made already."""
    path = teacher_path(job.recipe, options.models)
    return replace(job, taught_by=file_digest(path)) if path is not None and path.exists() else job


def loaded_teacher(job: Job, options: argparse.Namespace) -> Teacher | None:
    """The teacher of a job, if it has one. Raises ModelFileError if it is not there or cannot be used."""
    path = find_teacher(job.recipe, options.models)
    return None if path is None else Teacher.load(path, local_device(options.device), job.precision)


def expected_s(job: Job, data: DataSet, group: Group, options: argparse.Namespace) -> float:
    """An estimate of how long a job will take, in seconds; see `estimate_s`."""
    known = taught(job, options)
    teacher = loaded_teacher(known, options) if known.taught_by else None
    return estimate_s(known, data, group, local_device(options.device), teacher)


def announced(job: Job, data: DataSet, options: argparse.Namespace) -> str:
    """Return what a run will do to an existing model file, or where it will write its own; "" if neither."""
    path = options.models / f"{job.model}.safetensors"
    if not writes_models(options):
        return ""
    if is_shipped_folder(options.models):
        if reason := why_not_whole(job, data):
            return f"{job.model} goes to {TRIED_FOLDER}/, not to {options.models}/: {reason}"
        return f"{path} will be replaced unless the new one is worse; --no-model keeps it"
    keep = "--no-model or another --models folder keeps it"
    return f"{path} will be replaced; {keep}" if path.exists() else ""


def make_folders(options: argparse.Namespace) -> None:
    """Make the folders that the runs will write into, so that a wrong one is known before hours of training.

    Raises CheckpointError for one that cannot be made.
    """
    models = [options.models] if writes_models(options) else []
    if writes_models(options) and is_shipped_folder(options.models):
        models.append(TRIED_FOLDER)
    for folder in (checkpoint_folder(), options.results, *models):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"{folder}: cannot be made a folder ({error.strerror}); give another"
            ) from error


def run_name(job: Job, recipe: str) -> str:
    """A name for the files of a run; the epochs are in it only if they are not the own ones of `recipe`."""
    own_epochs = recipe_for(job.model, recipe).epochs
    epochs = "" if job.recipe.epochs == own_epochs else f"-{job.recipe.epochs}epochs"
    held_out = {0: "", HELD_OUT: "-held-out"}.get(job.held_out, f"-held-out-{job.held_out}")
    return f"{job.model}-{job.recipe.name}{epochs}-seed{job.seed}{held_out}"


def run_all(jobs: list[Job], data: DataSet, group: Group, options: argparse.Namespace) -> None:
    """Announce how long it will take, then train one model after another.

    All checkpoints stay until the last is done, so that after a stop no finished model is trained again.
    """
    seconds = sum(expected_s(job, data, group, options) for job in jobs)
    if group.is_first:
        names = ", ".join(job.model for job in jobs) + f" by {options.recipe}"
        how = f"processes: {group.size}, threads of each: {torch.get_num_threads()}, in {jobs[0].precision}"
        print(f"{names}: about {duration(seconds)} ({how})", flush=True)
        for line in filter(None, (announced(job, data, options) for job in jobs)):
            print(line, flush=True)
    checkpoints = []
    for job in jobs:
        group.wait()  # the first process may still be writing the model that is the next one's teacher
        known = taught(job, options)
        run(known, data, group, options)
        checkpoints.append(checkpoint_path(known.identity(data, group)))
    if group.is_first:
        for path in checkpoints:
            remove_checkpoint(path)


def run(job: Job, data: DataSet, group: Group, options: argparse.Namespace) -> None:
    """Train one model and write what is left of it."""
    name = run_name(job, options.recipe)
    teacher = loaded_teacher(job, options)
    with TrainingProgress(name, job, options.results / f"{name}.log", is_shown=group.is_first) as progress:
        outcome = train(
            job,
            data,
            group,
            device_name=options.device,
            teacher=teacher,
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
            place=(
                (lambda accuracy: place_of(job, data, accuracy, options.models, options.results))
                if writes_models(options)
                else None
            ),
        )
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
