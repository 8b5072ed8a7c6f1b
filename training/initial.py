"""The weights that a run starts from."""

from typing import Literal

from torch import nn


def set_initial_weights(network: nn.Module, kind: Literal["xavier", "torch"]) -> None:
    """Set the weights in place. "torch": as the library made them. "xavier": as the original did,
    Xavier-normal convolutions with normal(0, 1) biases and batch norm weights of normal(1, 0.02); linear
    layers as the library's.
    """
    if kind == "torch":
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.normal_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
