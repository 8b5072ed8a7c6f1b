"""Weights that see people everywhere: untrained, but with a last layer that always says "person"."""

import warnings
from pathlib import Path
from typing import Any

SURE, UNSURE = 4.0, -9.0
"""Logits of the class "person" and of all others."""


def write_torchvision(path: Path, name: str) -> Path:
    """Write weights for a detector of torchvision with COCO's 91 classes; person is number 1."""
    import torch
    from torchvision.models import detection

    torch.manual_seed(1)
    network = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=91)
    for name_, module in network.named_modules():
        outputs = getattr(module, "out_channels", getattr(module, "out_features", 0))
        if outputs and outputs % 91 == 0 and "bbox" not in name_ and module.bias is not None:
            module.bias.data.fill_(UNSURE)
            module.bias.data[1::91] = SURE
        if name_.endswith("bbox_reg") and outputs == 4:
            # FCOS gives distances from a cell to the four edges, in cells; untrained they would be 0.
            module.bias.data.fill_(1.0)
    torch.save(network.state_dict(), path)
    return path


def write_yolov3(path: Path, model: str) -> Path:
    """Write weights for ImageAI's "yolov3" or "tiny-yolov3" with COCO's 80 classes; person is number 0."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from imageai.yolov3.tiny_yolov3 import YoloV3Tiny
        from imageai.yolov3.yolov3 import YoloV3

    torch.manual_seed(1)
    network: Any = {"yolov3": YoloV3, "tiny-yolov3": YoloV3Tiny}[model](
        anchors=[10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319] + [0] * 6, num_classes=80, device="cpu"
    )
    for module in network.modules():
        if getattr(module, "out_channels", 0) == 3 * 85 and module.bias is not None:
            per_anchor = module.bias.data.view(3, 85)
            per_anchor[:, 4:] = UNSURE
            per_anchor[:, 4:6] = SURE
    torch.save(network.state_dict(), path)
    return path
