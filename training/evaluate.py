"""Measure model files on the test pictures: `python -m training.evaluate models/*.safetensors`."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import ModelFileError, load_network, read_info
from fashion_pipeline.fashion.preprocessing import InputSpec, to_batch
from fashion_pipeline.training.data import DataError, DataSet, find_folder, load
from fashion_pipeline.training.devices import GroupError, local_device
from fashion_pipeline.training.metrics import measure

PREDICT_BATCH = 250
TIMED_PICTURES, TIMED_BATCH, TIMED_ROUNDS = 1_000, 100, 5


def predict(
    network: nn.Module, images: NDArray[np.uint8], spec: InputSpec, *, flip: bool = False
) -> NDArray[np.float32]:
    """Logits (N x 10, float32) for uint8 pictures (N x 28 x 28), without gradient, in float32.

    flip: the mean of the logits of the pictures and of their mirror images. Leaves the network in evaluation
    mode.
    """
    network.eval()
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for first in range(0, len(images), PREDICT_BATCH):
            crops = list(images[first : first + PREDICT_BATCH])
            batch = torch.from_numpy(to_batch(crops, spec)).to(device)
            logits = network(batch)
            if flip:
                logits = (logits + network(batch.flip(3))) / 2
            found.append(logits.float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, len(LABELS)), np.float32)


def time_network(network: nn.Module, spec: InputSpec) -> float:
    """Milliseconds for 1,000 pictures in batches of 100: the fastest of 5 rounds after one more."""
    device = next(network.parameters()).device
    batch = torch.zeros(TIMED_BATCH, spec.channels, spec.size_wh[1], spec.size_wh[0], device=device)
    rounds_ms = []
    with torch.inference_mode():
        for _ in range(1 + TIMED_ROUNDS):
            started = time.perf_counter()
            for _ in range(TIMED_PICTURES // TIMED_BATCH):
                network(batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            rounds_ms.append(1_000 * (time.perf_counter() - started))
    return min(rounds_ms[1:])


def evaluate_network(
    network: nn.Module, data: DataSet, spec: InputSpec, temperature: float
) -> dict[str, Any]:
    """All figures of a network on the test pictures of `data`, as plain values."""
    plain = measure(predict(network, data.test_images, spec), data.test_labels, temperature)
    flipped = measure(predict(network, data.test_images, spec, flip=True), data.test_labels, temperature)
    return {
        **plain.to_plain(),
        "accuracy_with_flip": flipped.accuracy,
        "temperature": temperature,
        "parameters": sum(p.numel() for p in network.parameters()),
        "ms_per_1000": round(time_network(network, spec), 1),
        "threads": torch.get_num_threads(),
    }


def describe(figures: dict[str, Any]) -> str:
    """The figures as a few lines for a reader."""
    low, high = figures["interval_95"]
    accuracy = (
        f"accuracy {figures['accuracy']:.2%} "
        f"(95 % interval {low:.2%} to {high:.2%}, n = {figures['count']:,}), "
        f"with mirrored pictures {figures['accuracy_with_flip']:.2%}"
    )
    cost = (
        f"calibration error {figures['ece']:.4f} at temperature {figures['temperature']}, "
        f"{figures['parameters']:,} parameters, "
        f"{figures['ms_per_1000']} ms per 1,000 pictures on {figures['threads']} threads"
    )
    lines = [accuracy, cost, f"{'':<12}{'right':>8}  given as (row: true class)"]
    for label, row in zip(LABELS, figures["confusion"], strict=True):
        rate = figures["per_class"][label]
        shown = "none" if rate is None else f"{rate:.1%}"
        lines.append(f"{label:<12}{shown:>8}  " + " ".join(f"{n:>4}" for n in row))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures of each model file. Exit status: 0, or 2 if a model or the data cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.safetensors")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument(
        "--download", action="store_true", help="fetch Fashion-MNIST (31 MB) if it is not there yet"
    )
    options = parser.parse_args(arguments)
    try:
        device = local_device(options.device)
        data = load(find_folder(may_download=options.download))
        for path in options.models:
            info = read_info(path)
            network = load_network(path).to(device)
            print(
                f"{path}\n{describe(evaluate_network(network, data, info.input, info.temperature))}\n",
                flush=True,
            )
    except (DataError, GroupError, ModelFileError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
