"""A training run: what was asked for, what it has done, and how that is kept and told."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import torch
from torch import Tensor, nn
from tqdm import tqdm

from fashion_pipeline.fashion.networks import NETWORKS
from fashion_pipeline.fashion.whole_files import whole_file
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.devices import Group
from fashion_pipeline.training.recipes import MODELS, Recipe

ENVIRONMENT = "CHECKPOINT_DIR"
DEFAULT_FOLDER = Path.home() / ".cache" / "fashion-training"


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
                each.name: getattr(self, each.name)
                for each in fields(self)
                if getattr(self, each.name) != each.default
            },
            "recipe": self.recipe.to_plain(),
            "parameters": NETWORKS[MODELS[self.model].network].parameters,
            "data": data.digest,
            "processes": group.size,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """One epoch's outcome. accuracy: on the changed training pictures, as seen; held_out: on the held-out
    ones; cpu_seconds: of all processes, without the look at the held-out pictures.
    """

    epoch: int
    loss: float
    accuracy: float
    held_out: float | None
    seconds: float
    cpu_seconds: float


@dataclass(kw_only=True)
class TrainingState:
    """State that a run changes in each step. average: of the network's weights; the network itself if the
    recipe wants none. history: a report for each epoch done.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[EpochReport] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """Plain values and tensors. No random state: it follows from the seed and the epoch's number."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(report) for report in self.history],
        }

    def restore(self, plain: dict[str, Any]) -> None:
        """Go back to what `to_plain` gave."""
        self.network.load_state_dict(plain["network"])
        self.average.load_state_dict(plain["average"])
        self.optimizer.load_state_dict(plain["optimizer"])
        self.history[:] = [EpochReport(**report) for report in plain["history"]]


@torch.no_grad()
def move_average(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], decay: float) -> None:
    """Move an average of weights a step towards them, in place; both are state dicts of one network.

    Running statistics are moved too, counters are copied. What has not changed stays, to the last bit.
    """
    for name, new in weights.items():
        kept = average[name]
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used. One line that says what to do."""


def checkpoint_folder() -> Path:
    """CHECKPOINT_DIR, else a cache folder."""
    return Path(os.environ.get(ENVIRONMENT) or DEFAULT_FOLDER)


def checkpoint_path(identity: Mapping[str, Any]) -> Path:
    """The place of a run's checkpoint.

    identity: all that the result of the run depends on. The name has a digest of it, so a run with another
    setting never goes on from this one's state.
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    run = f"{identity['model']}-{identity['recipe']['name']}-seed{identity['seed']}"
    return checkpoint_folder() / f"{run}-{digest}.pt"


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write plain values and tensors; see `save_whole`."""
    save_whole(path, dict(state))


def save_whole(path: Path, content: Any) -> None:
    """Write a file so that a stop at any moment leaves the old or the new one whole.

    Raises CheckpointError when there is no room for it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes may train the same: each has its own part, and both end in the same bits.
        with whole_file(path, durable=True, writer=str(os.getpid())) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:  # torch has its own word for a write that failed
        raise CheckpointError(
            f"{path}: cannot be written ({error!s:.100}); make room there or set {ENVIRONMENT} to another "
            "folder, then the same command goes on"
        ) from error


def remove_checkpoint(path: Path) -> None:
    """Remove what a run kept, and the parts that a kill left of it."""
    for file in (path, *path.parent.glob(f".{path.name}.*.part")):
        file.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the state of `path`, or None if there is none. Raises CheckpointError if it is damaged."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch names no set of errors for a damaged file
        raise CheckpointError(f"{path}: cannot be read ({error!s:.100}); remove it to start anew") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds no state of a run; remove it to start anew")
    return state


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


class TrainingProgress:
    """A bar with the time left, and a line an epoch, on the screen and in a log file: a run writes it anew,
    and appends to it when it goes on after a stop.

    is_shown: False in all but the first process of a group; then nothing is written.
    """

    def __init__(self, name: str, job: Job, log_path: Path, *, is_shown: bool) -> None:
        self.name = name
        self.epochs = job.recipe.epochs
        self.log_path = log_path
        self.is_shown = is_shown
        self.log: IO[str] | None = None
        self.bar: tqdm | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if self.log is not None:
            self.log.close()

    def on_step(self, step: int, steps: int) -> None:
        if self.bar is None:
            # Made here, because only the first step tells where a resumed run starts; the time left is then
            # by the steps of this process. disable=None: no bar where there is no terminal.
            self.bar = tqdm(desc=self.name, unit="step", total=steps, initial=step - 1, disable=None)
        self.bar.update()

    def on_epoch(self, report: EpochReport) -> None:
        held_out = "" if report.held_out is None else f"held out {report.held_out:.2%}  "
        left = duration(report.seconds * (self.epochs - report.epoch))
        line = (
            f"{self.name}  epoch {report.epoch}/{self.epochs}  loss {report.loss:.4f}  "
            f"seen {report.accuracy:.2%}  {held_out}"
            f"{report.seconds:.1f} s ({report.cpu_seconds:.1f} s CPU)  left {left}"
        )
        if not self.is_shown:
            return
        if self.log is None:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            mode = "w" if report.epoch == 1 else "a"
            self.log = self.log_path.open(mode, encoding="utf-8")
        self.log.write(line + "\n")
        self.log.flush()
        tqdm.write(line)
