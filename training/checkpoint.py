"""Save and find again the state of a run, at the end of each epoch."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fashion_pipeline.fashion.whole_files import whole_file

ENVIRONMENT = "CHECKPOINT_DIR"
DEFAULT_FOLDER = Path.home() / ".cache" / "fashion-training"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used. One line that says what to do."""


def checkpoint_folder() -> Path:
    """CHECKPOINT_DIR, else a cache folder."""
    return Path(os.environ.get(ENVIRONMENT) or DEFAULT_FOLDER)


def checkpoint_path(identity: Mapping[str, Any]) -> Path:
    """Where a run keeps its checkpoint.

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
