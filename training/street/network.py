"""The network `street`: one look at a person, ten labels, and where in the look each was seen."""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.street.backbone import CHANNELS, STRIDE_PX, Backbone, Block
from fashion_pipeline.training.street.crops import SPEC
from fashion_pipeline.training.street.data import FOLDERS

FROZEN_BLOCKS = 6
"""The stem and the first blocks keep their ImageNet weights. Edges and textures need no new lesson, 1,100
photos could only spoil them, and what does not change can be computed once for all epochs."""

DROPOUT = 0.2
BLOCK_DROP = 0.1  # of the last block; the others in proportion to their depth
GRID_HW = (SPEC.size_wh[1] // STRIDE_PX, SPEC.size_wh[0] // STRIDE_PX)


class LabelHead(nn.Module):
    """A score for each label: the evidence of each place, weighed by how much the label looks there.

    The weights are a softmax over the places, of what is seen there plus what is learned of where a label is
    worn (shoes at the bottom). A mean over all places would drown a shoe; the highest place alone is noise.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.evidence = nn.Conv2d(CHANNELS, labels, 1)
        self.attention = nn.Conv2d(CHANNELS, labels, 1, bias=False)
        self.places = nn.Parameter(torch.zeros(labels, *GRID_HW))
        nn.init.normal_(self.evidence.weight, 0, 0.01)
        nn.init.zeros_(self.attention.weight)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores N x L and the weights N x L x h x w, which sum to 1 over the places."""
        evidence = self.evidence(features).float()
        attention = self.attention(features).float() + self.places
        weights = attention.flatten(2).softmax(2)
        return (evidence.flatten(2) * weights).sum(2), weights.view_as(evidence)


class Street(nn.Module):
    """Looks N x 3 x 448 x 160 to scores (logits) of the ten labels and of the garment folders, and maps.

    tags: the finer words that the network also learns to tell while training; they shape the features and are
    cut off for use.
    """

    def __init__(self, tags: int = 0) -> None:
        super().__init__()
        self.backbone = Backbone()
        for index, block in enumerate(self.backbone.blocks):
            assert isinstance(block, Block)
            block.drop = BLOCK_DROP * index / len(self.backbone.blocks)
        self.drop_channels = nn.Dropout2d(DROPOUT)
        self.drop = nn.Dropout(DROPOUT)
        self.worn = LabelHead(len(LABELS) + tags)
        self.folder = nn.Linear(CHANNELS, len(FOLDERS))

    def freeze(self) -> None:
        """Fix what training leaves as it is. Call it after `train()`: batch norms keep their statistics."""
        for module in (self.backbone.stem, *self.backbone.blocks[:FROZEN_BLOCKS]):
            module.requires_grad_(False)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # 32 looks are too few for statistics of their own

    def lower(self, looks: torch.Tensor) -> torch.Tensor:
        """The frozen part: N x 3 x 448 x 160 to N x 80 x 28 x 10."""
        return self.backbone.lower(looks, FROZEN_BLOCKS)

    def learn(self, found: torch.Tensor, people: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the answers for `lower`'s result: scores of the first `people`, folders of the rest."""
        if not torch.is_autocast_enabled("cpu"):
            # Results of `lower` are kept in bfloat16, whatever the CPU computes in.
            found = found.float()
        features = self.backbone.upper(found, FROZEN_BLOCKS)
        scores, _ = self.worn(self.drop_channels(features[:people]))
        return scores, self.folder(self.drop(features[people:].mean((2, 3)))).float()

    def forward(self, looks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return scores N x (10 + tags), folders N x 10 and maps N x (10 + tags) x 14 x 5."""
        features = self.backbone.upper(self.lower(looks), FROZEN_BLOCKS)
        scores, maps = self.worn(features)
        return scores, self.folder(features.mean((2, 3))).float(), maps


def mean_of(networks: Sequence[Street]) -> Street:
    """Return the network whose weights are the mean of several that began with the same weights.

    Runs on different parts of the photos end near one another, and their mean errs less than each of them
    (Wortsman et al., 2022, "Model soups"), at the cost of one. The networks are left as they are.
    """
    states = [network.state_dict() for network in networks]
    mixed = copy.deepcopy(networks[0])
    mixed.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(0)
            if value.dtype.is_floating_point
            else value
            for name, value in states[0].items()
        }
    )
    return mixed.eval()


def for_use(network: Street, scales: Sequence[float], offsets: Sequence[float]) -> Street:
    """Return a copy that tells the ten labels only, each logit times its scale plus its offset.

    The weights of the places sum to 1, so scaling the evidence scales the score: a calibrated network costs
    nothing more than the plain one.
    """
    small = Street()
    state = network.state_dict()
    count = len(LABELS)
    scale, offset = torch.tensor(scales, dtype=torch.float32), torch.tensor(offsets, dtype=torch.float32)
    state["worn.evidence.weight"] = state["worn.evidence.weight"][:count] * scale.view(-1, 1, 1, 1)
    state["worn.evidence.bias"] = state["worn.evidence.bias"][:count] * scale + offset
    for name in ("worn.attention.weight", "worn.places"):
        state[name] = state[name][:count]
    small.load_state_dict(state)
    return small.eval()
