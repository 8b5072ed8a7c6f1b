"""What a run changes from step to step, and what a checkpoint keeps of it."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch did. accuracy: on the changed training pictures, as seen; held_out: on the held-out
    ones; cpu_seconds: of all processes, without the look at the held-out pictures.
    """

    epoch: int
    loss: float
    accuracy: float
    held_out: float | None
    seconds: float
    cpu_seconds: float


@dataclass(kw_only=True)
class RunState:
    """The state of a run. average: of the network's weights; the network itself if the recipe wants none.
    history: a report for each epoch done.
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
    def follow(self, decay: float) -> None:
        """Move the average a step towards the network, running statistics included; counters are copied."""
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        for kept, new in pairs:
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
