"""One training run, from top to bottom."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fashion.networks import build_network
from fashion.preprocessing import to_batch
from training.augment import apply_changes, draw_changes
from training.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from training.data import SIDE_PX, DataError, DataSet
from training.evaluate import predict
from training.groups import Group, local_device, shared
from training.initial import set_initial_weights
from training.optimizers import make_optimizer
from training.recipes import MODELS, Recipe, input_spec, rate_factor

AVERAGE_START = 10  # steps: a young average forgets faster, else it would remember the random weights


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run: with the data, all that its result depends on."""

    model: str
    recipe: Recipe
    seed: int
    precision: str = "bfloat16"
    held_out: int = 0  # training pictures to choose by; 0: train on all
    compiled: bool = False

    def identity(self, data: DataSet, group: Group) -> dict[str, Any]:
        return {
            **asdict(self),
            "data": data.digest,
            "processes": group.size,
            "threads": torch.get_num_threads(),
        }


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch did. accuracy: on the changed training pictures, as seen; held_out: on the held-out
    ones.
    """

    epoch: int
    loss: float
    accuracy: float
    held_out: float | None
    seconds: float
    cpu_seconds: float


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
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> Outcome:
    """Train a network, going on from a checkpoint of the same run if there is one.

    With `job.held_out`, the test pictures of `data` must be the held-out ones; they are looked at after each
    epoch. Otherwise the test pictures are not looked at. on_epoch, on_step (steps done, steps in all): called
    in the first process only.

    All randomness of an epoch follows from the seed and the epoch's number, so a run that was stopped and
    goes on ends in the same bits (on one machine, on the CPU) as one that was not. Raises DataError if there
    is less than a batch of data, CheckpointError for a damaged checkpoint, GroupError if a batch cannot be
    dealt evenly or the device is not there.
    """
    recipe, device = job.recipe, local_device(device_name)
    images = torch.from_numpy(to_batch(list(data.train_images), input_spec(recipe))).to(device)
    labels = torch.from_numpy(data.train_labels).to(device)
    # What is left of an epoch's pictures waits for another order, so that all batches are of one size.
    steps_per_epoch = len(labels) // recipe.batch
    if not steps_per_epoch:
        raise DataError(f"{len(labels)} training pictures are fewer than one batch of {recipe.batch}")
    steps = recipe.epochs * steps_per_epoch
    share = group.share_of(recipe.batch)

    torch.manual_seed(job.seed)
    network = build_network(MODELS[job.model].network)
    set_initial_weights(network, recipe.initial_weights)
    network = network.to(device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network) if recipe.average_decay else network
    optimizer = make_optimizer(network, recipe)
    stepper = shared(network, group)
    if job.compiled:
        stepper.compile()

    path = checkpoint_path(job.identity(data, group))
    history = restore(load_checkpoint(path), network, average, optimizer)
    for epoch in range(len(history), recipe.epochs):
        started, cpu_started = time.perf_counter(), time.process_time()
        # Dropout takes its numbers from torch's own generator, all else from ours, alike in all processes.
        torch.manual_seed(epoch_seed(job.seed, epoch) + group.rank)
        generator = torch.Generator().manual_seed(epoch_seed(job.seed, epoch))
        order = torch.randperm(len(labels), generator=generator)
        total_loss, hits = torch.zeros((), device=device), torch.zeros((), device=device)
        stepper.train()
        for step in range(steps_per_epoch):
            done = epoch * steps_per_epoch + step
            changes = draw_changes(recipe.batch, SIDE_PX, recipe, generator).part(share)
            chosen = order[step * recipe.batch :][share].to(device)
            batch = apply_changes(images[chosen], changes, recipe)
            truth = labels[chosen]

            rate = recipe.learning_rate * rate_factor(done / steps, epoch, recipe)
            for settings in optimizer.param_groups:
                settings["lr"] = rate
            with torch.autocast(device.type, torch.bfloat16, enabled=job.precision == "bfloat16"):
                logits = stepper(batch.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(logits.float(), truth, label_smoothing=recipe.label_smoothing)
            network.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if recipe.average_decay:
                follow(average, network, min(recipe.average_decay, (1 + done) / (AVERAGE_START + done)))

            total_loss += loss.detach()
            hits += (logits.argmax(1) == truth).sum()
            if group.is_first:
                on_step(done + 1, steps)
        report = EpochReport(
            epoch=epoch + 1,
            loss=total_loss.item() / steps_per_epoch,
            accuracy=hits.item() / (steps_per_epoch * (share.stop - share.start)),
            held_out=held_out_accuracy(average, data, recipe) if job.held_out else None,
            seconds=time.perf_counter() - started,
            cpu_seconds=time.process_time() - cpu_started,
        )
        history.append(report)
        if group.is_first:
            save_checkpoint(path, state_of(network, average, optimizer, history))
            on_epoch(report)
    return Outcome(network=average.eval(), history=history)


def state_of(
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: Sequence[EpochReport],
) -> dict[str, Any]:
    """The state of a run between two epochs, plain values and tensors. No random state: see `epoch_seed`."""
    return {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [asdict(report) for report in history],
    }


def restore(
    state: dict[str, Any] | None,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> list[EpochReport]:
    """Put a run into a saved state and return what its epochs did. Without a state, change nothing."""
    if state is None:
        return []
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return [EpochReport(**report) for report in state["history"]]


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed for an epoch of a run; far apart, so that neither epochs nor the processes of one share a
    stream.
    """
    return (seed * 1_000_003 + epoch + 1) * 4_093


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a step towards the network, running statistics included; counters are copied."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def held_out_accuracy(network: nn.Module, data: DataSet, recipe: Recipe) -> float:
    logits: Tensor = torch.from_numpy(predict(network, data.test_images, input_spec(recipe)))
    return float((logits.argmax(1) == torch.from_numpy(data.test_labels)).float().mean())
