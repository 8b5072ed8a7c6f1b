"""What a run changes from step to step, and what a checkpoint keeps of it."""

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


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
    fork: the average at the end of the first cycle, once there is one; ends: those of the second cycles that
    are done. history: a report for each epoch done.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    fork: dict[str, Tensor] = field(default_factory=dict)
    ends: list[dict[str, Tensor]] = field(default_factory=list)
    history: list[EpochReport] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """Plain values and tensors. No random state: it follows from the seed and the epoch's number."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "fork": self.fork,
            "ends": self.ends,
            "history": [asdict(report) for report in self.history],
        }

    def restore(self, plain: dict[str, Any]) -> None:
        """Go back to what `to_plain` gave."""
        self.network.load_state_dict(plain["network"])
        self.average.load_state_dict(plain["average"])
        self.optimizer.load_state_dict(plain["optimizer"])
        self.fork, self.ends = plain.get("fork", {}), plain.get("ends", [])
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

    def branch(self, optimizer: torch.optim.Optimizer) -> None:
        """Begin a second cycle where the first one ended, with a new optimizer of the network."""
        kept = copy.deepcopy(self.average.state_dict())
        if self.fork:
            self.ends.append(kept)
        else:
            self.fork = kept
        self.network.load_state_dict(self.fork)
        self.average.load_state_dict(self.fork)
        self.optimizer = optimizer

    @torch.no_grad()
    def unite(self) -> None:
        """Let the average be the mean of the ends of all second cycles: they lie around one place, for they
        began in it (Wortsman et al., arXiv:2203.05482).
        """
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                ends = [end[name].to(value.device) for end in self.ends]
                value.copy_(torch.stack([*ends, value]).mean(dim=0))
        self.ends.clear()
