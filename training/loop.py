"""One training run, from top to bottom, and how long it will take."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from fashion_pipeline.fashion.networks import build_network
from fashion_pipeline.training.batches import Batches, Teacher
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.devices import Group, computing_in, local_device, shared
from fashion_pipeline.training.evaluate import predict
from fashion_pipeline.training.recipes import MODELS, Recipe, input_spec, rate_factor
from fashion_pipeline.training.runs import (
    EpochReport,
    Job,
    TrainingState,
    checkpoint_path,
    load_checkpoint,
    move_average,
    save_checkpoint,
)

AVERAGE_START = 10  # steps: a young average forgets faster, else it would remember the random weights
TIMED_STEPS = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The trained network (averaged, if the recipe says so), on its device, and what each epoch did."""

    network: nn.Module
    history: list[EpochReport]


def train(
    job: Job,
    data: DataSet,
    group: Group,
    *,
    device_name: str = "cpu",
    teacher: Teacher | None = None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> Outcome:
    """Train a network, going on from a checkpoint of the same run if there is one.

    teacher: the model that `job.taught_by` stands for.

    With `job.held_out`, the test pictures of `data` must be the held-out ones; they are looked at after each
    epoch. Otherwise the test pictures are not looked at. on_epoch, on_step (steps done, steps in all): called
    in the first process only.

    All randomness of an epoch follows from the seed and the epoch's number, so a run that was stopped and
    goes on ends in the same bits (on one machine, on the CPU) as one that was not. Raises DataError if there
    is less than a batch of data, CheckpointError for a damaged checkpoint, GroupError if a batch cannot be
    dealt evenly, the device is not there, or the processes do not find the same checkpoint, ValueError if
    a teacher is given to a recipe without one or the other way round.
    """
    if (teacher is not None) != bool(job.recipe.teacher):
        given = "none" if teacher is None else "one"
        raise ValueError(f"a recipe with teacher={job.recipe.teacher!r} was given {given}")
    device = local_device(device_name)
    run = TrainingRun.prepare(job, data, Batches(data, job.recipe, group, device, teacher), group)
    path = checkpoint_path(job.identity(data, group))
    saved = load_checkpoint(path)
    if saved is not None:
        run.state.restore(saved)
    group.require_agreement(f"{run.epochs_done} epochs done, in {job.precision}", "what they go on from")
    while run.epochs_done < job.recipe.epochs:
        report = run.epoch(on_step)
        run.state.history.append(report)
        if group.is_first:
            save_checkpoint(path, run.state.to_plain())
            on_epoch(report)
    return Outcome(network=run.state.average.eval(), history=run.state.history)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A job at work in one process of a group. stepper: the network, as it computes gradients: averaged over
    the group, compiled, or both.
    """

    job: Job
    data: DataSet
    group: Group
    batches: Batches
    state: TrainingState
    stepper: nn.Module

    @classmethod
    def prepare(cls, job: Job, data: DataSet, batches: Batches, group: Group) -> "TrainingRun":
        """Put a new network where the pictures are. Raises as `train` does."""
        torch.manual_seed(job.seed)
        network = build_network(MODELS[job.model].network)
        set_initial_weights(network, job.recipe.initial_weights)
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = job.recipe.dropout
        network = network.to(batches.device).to(memory_format=torch.channels_last)
        state = TrainingState(
            network=network,
            average=copy.deepcopy(network) if job.recipe.average_decay else network,
            optimizer=make_optimizer(network, job.recipe),
        )
        stepper = shared(network, group)
        if job.compiled:
            stepper.compile()
        return cls(job=job, data=data, group=group, batches=batches, state=state, stepper=stepper)

    @property
    def epochs_done(self) -> int:
        return len(self.state.history)

    def epoch(self, on_step: Callable[[int, int], None]) -> EpochReport:
        """Do the next epoch, look at the held-out pictures if there are any, and say how it went."""
        started, cpu_started = time.perf_counter(), time.process_time()
        loss, accuracy = self._learn(on_step)
        cpu_seconds = self.group.summed(
            torch.tensor(time.process_time() - cpu_started, dtype=torch.float64, device=self.batches.device)
        ).item()
        held_out = None
        if self.job.held_out:
            held_out = held_out_accuracy(self.state.average, self.data, self.job.recipe)
        return EpochReport(
            epoch=self.epochs_done + 1,
            loss=loss,
            accuracy=accuracy,
            held_out=held_out,
            seconds=time.perf_counter() - started,
            cpu_seconds=cpu_seconds,
        )

    def _learn(self, on_step: Callable[[int, int], None]) -> tuple[float, float]:
        """Go once through the batches; return the mean loss and the share of pictures told right."""
        batches, epoch = self.batches, self.epochs_done
        steps = self.job.recipe.epochs * batches.count
        # Dropout takes its numbers from torch's own generator, all else from ours, alike in all processes.
        torch.manual_seed(epoch_seed(self.job.seed, epoch) + self.group.rank)
        generator = torch.Generator().manual_seed(epoch_seed(self.job.seed, epoch))
        totals = torch.zeros(2, device=batches.device)
        self.stepper.train()
        dealt = batches.shuffled(generator, epoch)
        for done, (images, truth, targets) in enumerate(dealt, epoch * batches.count):
            loss, logits = self.step(images, targets, done)
            totals += torch.stack((loss, (logits.argmax(1) == truth).float().sum()))
            if self.group.is_first:
                on_step(done + 1, steps)
        losses, hits = self.group.summed(totals).tolist()
        return losses / (batches.count * self.group.size), hits / (batches.count * self.job.recipe.batch)

    def step(self, images: Tensor, targets: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Learn from one batch, by its number in the run, from 0; return, still on the device, its loss and
        its logits.
        """
        recipe, optimizer = self.job.recipe, self.state.optimizer
        epoch, steps = number // self.batches.count, recipe.epochs * self.batches.count
        for settings in optimizer.param_groups:
            settings["lr"] = recipe.learning_rate * rate_factor(number / steps, epoch, recipe)
        with computing_in(self.job.precision, images.device):
            logits = self.stepper(images.contiguous(memory_format=torch.channels_last))
        smoothing = 0.0 if targets.is_floating_point() else recipe.label_smoothing
        loss = cross_entropy(logits.float(), targets, label_smoothing=smoothing)
        self.state.network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if recipe.average_decay:
            decay = min(recipe.average_decay, (1 + number) / (AVERAGE_START + number))
            move_average(self.state.average.state_dict(), self.state.network.state_dict(), decay)
        return loss.detach(), logits.detach()


def set_initial_weights(network: nn.Module, kind: Literal["xavier", "torch"]) -> None:
    """Set the weights in place. "torch": as the library made them. "xavier": as the original did,
    Xavier-normal convolutions with normal(0, 1) biases and batch norm weights of normal(1, 0.02); linear
    layers as the library's.
    """
    if kind == "torch":
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.normal_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def make_optimizer(network: nn.Module, recipe: Recipe) -> SGD:
    """Make SGD for all weights of a network.

    Weight decay holds for matrices and kernels only: on biases and norms it would only hold them back. Fused,
    because a step of v3 then takes 16 ms in place of 199 (one thread).
    """
    weights = list(network.parameters())
    matrices = {"params": [w for w in weights if w.ndim > 1], "weight_decay": recipe.weight_decay}
    vectors = {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0}
    return SGD(
        [matrices, vectors], recipe.learning_rate, recipe.momentum, nesterov=recipe.nesterov, fused=True
    )


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for an epoch of a run; far apart, so that neither epochs nor the processes of one share a
    stream.
    """
    return (seed * 1_000_003 + epoch + 1) * 4_093


def held_out_accuracy(network: nn.Module, data: DataSet, recipe: Recipe) -> float:
    logits: Tensor = torch.from_numpy(predict(network, data.test_images, input_spec(recipe)))
    return float((logits.argmax(1) == torch.from_numpy(data.test_labels)).float().mean())


def estimate_s(
    job: Job, data: DataSet, group: Group, device: torch.device, teacher: Teacher | None = None
) -> float:
    """About how many seconds are left of a run, by timing a few of its steps on a network that is then
    forgotten.

    All processes of the group must call it, because they are as much in each other's way as in the run. The
    looks at held-out pictures are not in it, nor those of a teacher that is not made yet. Raises as
    `training.loop.train` does.
    """
    batch = job.recipe.batch
    few = (1 + TIMED_STEPS) * batch
    sample = replace(data, train_images=data.train_images[:few], train_labels=data.train_labels[:few])
    # Compiling takes longer than these steps, and the run would do it again.
    plain = replace(job, compiled=False)
    run = TrainingRun.prepare(plain, sample, Batches(sample, job.recipe, group, device, teacher), group)
    run.stepper.train()
    marks = []
    for number, (images, _, targets) in enumerate(run.batches.shuffled(torch.Generator(), 0)):
        loss, _ = run.step(images, targets, number)
        loss.item()  # waits for the device
        marks.append(time.perf_counter())
    # The first step also makes ready what the others find ready.
    step_s = (marks[-1] - marks[0]) / max(1, len(marks) - 1)
    saved = load_checkpoint(checkpoint_path(job.identity(data, group)))
    epochs_done = 0 if saved is None else len(saved["history"])
    return (job.recipe.epochs - epochs_done) * (len(data.train_labels) // batch) * step_s
