"""One training run: the upper part of the network on stored views, to an average of its weights."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.devices import quickly_on_cpu
from fashion_pipeline.training.runs import duration, load_checkpoint, move_average, save_checkpoint
from fashion_pipeline.training.street.backbone import find_weights, load_weights
from fashion_pipeline.training.street.network import Street
from fashion_pipeline.training.street.views import stored_views

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class StreetRecipe:
    """All that a run is told. Rates are those of AdamW at the top of a one-cycle schedule."""

    epochs: int = 8
    views: int = 10  # of each street photo; every epoch sees another one, in turn
    people: int = 16  # street photos in a batch
    garments: int = 8  # garment photos in a batch, beside them
    rate: float = 5e-4
    head_rate: float = 2e-3  # the heads start from nothing
    weight_decay: float = 0.02
    smoothing: float = 0.05  # of the labels, towards their shares: tags are often arguable
    tag_weight: float = 0.5  # of the finer words in the loss
    garment_weight: float = 0.3
    average_decay: float = 0.985  # a step; about the last 70 steps
    gradient_limit: float = 2.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class StreetRun:
    """All that one run needs, small enough to send to another process.

    people_path, garments_path: files of `lower_views`. answers: N x (10 + tags). folders: of all garments.
    chosen: the people to learn from. checkpoint: where its state is kept after each epoch.
    """

    name: str
    people_path: Path
    garments_path: Path
    answers: NDArray[np.float32]
    folders: Indices
    chosen: Indices
    recipe: StreetRecipe
    checkpoint: Path


def fit(run: StreetRun) -> Street:
    """Train, and return the averaged network, ready to use.

    Goes on from the checkpoint, if there is one, to the weights that a run without a stop ends in.
    """
    torch.set_num_threads(1)
    recipe = run.recipe
    torch.manual_seed(recipe.seed)
    network = Street(tags=run.answers.shape[1] - len(LABELS)).to(memory_format=torch.channels_last)
    load_weights(network.backbone, find_weights())
    network.train()
    network.freeze()
    shares = torch.from_numpy(run.answers[run.chosen].mean(0)).clamp(1e-3, 1 - 1e-3)
    bias = network.worn.evidence.bias
    assert bias is not None  # it was made with one
    with torch.no_grad():
        bias.copy_(torch.logit(shares))
    steps = len(run.chosen) // recipe.people
    optimizer, schedule = _optimizer(network, recipe, recipe.epochs * steps)
    average = {key: value.clone() for key, value in network.state_dict().items()}
    first, step = 0, 0
    state = load_checkpoint(run.checkpoint)
    if state is not None:
        network.load_state_dict(state["network"])
        average = state["average"]
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first, step = state["epoch"], state["step"]
    for epoch in range(first, recipe.epochs):
        started, losses = time.perf_counter(), []
        torch.manual_seed(recipe.seed * 1000 + epoch)  # so that a resumed run drops the same units
        for batch in _batches(run, epoch):
            loss = _loss(network, batch, shares, recipe)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_limit)
            optimizer.step()
            schedule.step()
            step += 1
            move_average(average, network.state_dict(), min(recipe.average_decay, step / (step + 10)))
            losses.append(loss.item())
        seconds = time.perf_counter() - started
        left = duration(seconds * (recipe.epochs - epoch - 1))
        print(
            f"{run.name}  epoch {epoch + 1}/{recipe.epochs}  loss {np.mean(losses):.4f}  "
            f"{seconds:.0f} s  left {left}",
            flush=True,
        )
        save_checkpoint(
            run.checkpoint,
            {
                "recipe": asdict(recipe),
                "network": network.state_dict(),
                "average": average,
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "epoch": epoch + 1,
                "step": step,
            },
        )
    network.load_state_dict(average)
    return network.eval()


def _optimizer(network: Street, recipe: StreetRecipe, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    """AdamW with a one-cycle schedule; batch norms are not decayed."""
    body = [weight for weight in network.backbone.parameters() if weight.requires_grad]
    heads = [*network.worn.parameters(), *network.folder.parameters()]
    groups = [
        {"params": [weight for weight in body if weight.ndim > 1], "lr": recipe.rate},
        {"params": [weight for weight in body if weight.ndim == 1], "lr": recipe.rate, "weight_decay": 0.0},
        {"params": heads, "lr": recipe.head_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    rates = [recipe.rate, recipe.rate, recipe.head_rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, max(steps, 1), pct_start=0.2, div_factor=10, final_div_factor=50
    )
    return optimizer, schedule


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _batches(run: StreetRun, epoch: int) -> Iterator[Batch]:
    """Views, people's answers and garments' folders. Each epoch sees another view of each person."""
    recipe, chance = run.recipe, np.random.Generator(np.random.PCG64([run.recipe.seed, epoch]))
    people_views, garment_views = stored_views(run.people_path), stored_views(run.garments_path)
    order = chance.permutation(run.chosen)
    for start in range(0, len(order) - recipe.people + 1, recipe.people):
        people = order[start : start + recipe.people]
        garments = chance.integers(len(run.folders), size=recipe.garments)
        seen = [people_views[(epoch + person) % recipe.views, person] for person in people]
        seen += [garment_views[chance.integers(len(garment_views)), garment] for garment in garments]
        found = torch.stack(seen).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        yield found, torch.from_numpy(run.answers[people]), torch.from_numpy(run.folders[garments])


def _loss(network: Street, batch: Batch, shares: torch.Tensor, recipe: StreetRecipe) -> torch.Tensor:
    found, answers, folders = batch
    with quickly_on_cpu():
        scores, folder_scores = network.learn(found, len(answers))
    smooth = answers * (1 - recipe.smoothing) + shares * recipe.smoothing
    each = binary_cross_entropy_with_logits(scores.float(), smooth, reduction="none")
    count = len(LABELS)
    loss = each[:, :count].mean()
    if each.shape[1] > count:
        loss = loss + recipe.tag_weight * each[:, count:].mean()
    if len(folders):
        loss = loss + recipe.garment_weight * cross_entropy(folder_scores, folders, label_smoothing=0.05)
    return loss


@torch.inference_mode()
def logits(network: Street, views: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores and folders of stored views, N x 28 x 10 x 80."""
    scores, folders = [], []
    for start in range(0, len(views), 32):
        found = views[start : start + 32].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        with quickly_on_cpu():
            own, _ = network.learn(found, len(found))
            _, other = network.learn(found, 0)
        scores.append(own.float())
        folders.append(other)
    return torch.cat(scores).numpy(), torch.cat(folders).numpy()
