"""The networks by name. Importing this needs no torch; building one does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.v4 import build_v4

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """Facts about a network known without building it: its exact number of parameters and its input."""

    parameters: int
    color: Literal["grey", "rgb"]
    size_wh: tuple[int, int]


NETWORKS: dict[str, NetworkFacts] = {
    "v1": NetworkFacts(parameters=420_298, color="grey", size_wh=(28, 28)),
    "v2": NetworkFacts(parameters=844_362, color="grey", size_wh=(28, 28)),
    "v3": NetworkFacts(parameters=30_076_234, color="grey", size_wh=(28, 28)),
    "v4": NetworkFacts(parameters=972_522, color="grey", size_wh=(28, 28)),
}


def build_network(name: str, labels: int = len(LABELS)) -> "nn.Module":
    """Build a network with torch's own initial weights: float32 N x C x H x W in, logits N x labels out.

    Raises ValueError for an unknown name.
    """
    builders = {"v1": _v1, "v2": _v2, "v3": _v3, "v4": build_v4}
    if name not in builders:
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
    return builders[name](labels)


def _v1(labels: int) -> "nn.Module":
    """Two convolutions without padding, two linear layers, no batch norm."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 5 * 5, 512),
        nn.ReLU(),
        nn.Linear(512, labels),
    )


def _v2(labels: int) -> "nn.Module":
    """v1 with twice the channels, and batch norm after each ReLU of a convolution."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.ReLU(),
        nn.BatchNorm2d(32),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.BatchNorm2d(64),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 5 * 5, 512),
        nn.ReLU(),
        nn.Linear(512, labels),
    )


def _v3(labels: int) -> "nn.Module":
    """Three convolutions, then three wide linear layers that hold nearly all of its 30 million parameters."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(32),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(64),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 256, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(256),
        nn.MaxPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(256 * 7 * 7, 2048),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(2048, 2048),
        nn.ReLU(),
        nn.Linear(2048, labels),
    )
