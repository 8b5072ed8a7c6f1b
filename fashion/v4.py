"""v4: our own network, at most a million parameters, made for accuracy per CPU second."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

STEM_WIDTH = 32
STAGES = ((32, 1, 1), (64, 2, 2), (128, 3, 2))  # channels, blocks, stride: at 28x28, at 14x14, at 7x7


def build_v4(labels: int) -> "nn.Module":
    """Build a pre-activation residual network (He et al., arXiv:1603.05027): N x 1 x 28 x 28 in, logits out.

    The whole 28x28 has the stem and one narrow block: there a kernel's weight costs four times what it costs
    at 14x14 and sixteen times what it costs at 7x7, where most of the parameters are. The class stands inside
    because torch must not be imported with this module.
    """
    from torch import nn
    from torch.nn.functional import relu

    class Block(nn.Module):
        """BN, ReLU, conv, BN, ReLU, conv, added to the input, or to its 1x1 projection where sizes change."""

        def __init__(self, width_in: int, width_out: int, stride: int) -> None:
            super().__init__()
            self.norm1 = nn.BatchNorm2d(width_in)
            self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(width_out)
            self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
            is_same = width_in == width_out and stride == 1
            self.shortcut = None if is_same else nn.Conv2d(width_in, width_out, 1, stride, bias=False)

        def forward(self, images: "Tensor") -> "Tensor":
            active = relu(self.norm1(images))
            kept = images if self.shortcut is None else self.shortcut(active)
            inner: Tensor = self.conv2(relu(self.norm2(self.conv1(active))))
            return inner + kept

    layers: list[nn.Module] = [nn.Conv2d(1, STEM_WIDTH, 3, 1, 1, bias=False)]
    width = STEM_WIDTH
    for stage_width, blocks, stride in STAGES:
        for number in range(blocks):
            layers.append(Block(width, stage_width, stride if number == 0 else 1))
            width = stage_width
    layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(width, labels))
