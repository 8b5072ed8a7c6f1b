"""Compute the frozen part of the network once, for a random view of each picture and epoch."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from fashion_pipeline.training.devices import quickly_on_cpu
from fashion_pipeline.training.runs import checkpoint_folder, save_whole
from fashion_pipeline.training.street.backbone import find_weights, load_weights
from fashion_pipeline.training.street.crops import LOOK, SPEC, Person, plain_view, random_view, recolored
from fashion_pipeline.training.street.network import Street
from fashion_pipeline.training.street.people import paths_digest

BATCH = 32
SEED = 0


def cache_path(name: str, identity: dict[str, Any]) -> Path:
    """Return a file in CHECKPOINT_DIR, else in a cache folder. `identity`: all that it depends on."""
    folder = checkpoint_folder()
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    return folder / f"street-{name}-{digest}.pt"


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The place of the views of some photos, and everything they depend on."""

    identity: dict[str, Any]
    path: Path


def cache_of(name: str, photos: Sequence[Path], random_views: int) -> Cache:
    """Return the place for the views of some photos."""
    identity = {
        "input": SPEC.to_plain(),
        "margin": LOOK.margin,
        "fill": LOOK.fill,
        "weights": find_weights().name,
        "photos": paths_digest(photos),
        "views": random_views,
    }
    return Cache(identity=identity, path=cache_path(name, identity))


def to_looks(crops: Sequence[Any], chance: np.random.Generator | None = None) -> torch.Tensor:
    """Stack RGB crops into the network's input, recoloured if a chance is given."""
    looks = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    looks = looks.contiguous(memory_format=torch.channels_last)
    if chance is not None:
        looks = recolored(looks, chance)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (SPEC.mean, SPEC.std))
    return (looks - mean) / std


def stored_views(path: Path) -> torch.Tensor:
    """Map a file of `lower_views` into memory: many processes can share it."""
    stored: torch.Tensor = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return stored


def lower_views(
    load: Callable[[], Sequence[Person]], random_views: int, plain_views: int, path: Path
) -> torch.Tensor:
    """Return bfloat16 views x N x 28 x 10 x 80: the random views, then the plain one, then its mirror image.

    Kept in `path` and read from there the next time; `load` reads the pictures if needed. Channels come last:
    that is the order convolutions like.
    """
    if path.exists():
        return stored_views(path)
    people = load()
    network = Street().eval().to(memory_format=torch.channels_last)
    load_weights(network.backbone, find_weights())
    views: torch.Tensor | None = None
    total = random_views + plain_views
    bar = tqdm(total=total * len(people), desc=path.name.rsplit("-", 1)[0], unit="view", disable=None)
    for view in range(total):
        is_random, is_mirrored = view < random_views, view == random_views + 1
        chance = np.random.Generator(np.random.PCG64([SEED, view]))
        for start in range(0, len(people), BATCH):
            some = people[start : start + BATCH]
            if is_random:
                looks = to_looks([random_view(person, chance) for person in some], chance)
            else:
                looks = to_looks([plain_view(person) for person in some])
                looks = looks.flip(3) if is_mirrored else looks
            with torch.inference_mode(), quickly_on_cpu():
                found = network.lower(looks).bfloat16().permute(0, 2, 3, 1)
            if views is None:
                views = torch.empty((total, len(people), *found.shape[1:]), dtype=torch.bfloat16)
            views[view, start : start + len(some)] = found
            bar.update(len(some))
    bar.close()
    if views is None:
        raise ValueError("no pictures to look at")
    save_whole(path, views)
    return views
