"""Nodes of a graph of TensorFlow.js as nodes of ONNX, without TensorFlow: the few kinds that detectors have.

The layout is N x C x H x W all through, so that the graph's many transpositions are names only.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
WRITTEN_FOR_PX = 416
"""The side of the square input that the sizes in the graph are of."""


class ConversionError(Exception):
    """The package is not the one that this was written for."""


class Converter:
    """Nodes of the TensorFlow graph, as nodes of ONNX in N x C x H x W.

    `names` and `is_last` say of each tensor what it is called there, and whether the graph has it with the
    channels last.
    """

    def __init__(self, graph: list[dict[str, Any]], weights: dict[str, npt.NDArray[Any]]) -> None:
        self._by_name = {node["name"]: node for node in graph}
        self._weights = weights
        self._names: dict[str, str] = {}
        self._is_last: dict[str, bool] = {}
        self._stride: dict[str, int] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def begin(self, tensor: str, name: str) -> None:
        """Return the name of the graph's input."""
        self._names[tensor], self._is_last[tensor], self._stride[tensor] = name, False, 1

    def name_of(self, tensor: str) -> str:
        """Return the ONNX name of a tensor of the graph; what gives it is converted first."""
        if tensor not in self._names:
            node = self._by_name[tensor]
            convert = getattr(self, f"_{node['op'].lower()}", None)
            if convert is None:
                raise ConversionError(f"node {tensor}: op {node['op']} is not known here")
            convert(node)
        return self._names[tensor]

    def add(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node of ONNX by the name of its output, and return that."""
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def keep(self, name: str, value: npt.ArrayLike, dtype: type = np.float32) -> str:
        """Add a constant, and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def cut(self, name: str, part: str, first: int, end: int) -> str:
        """Add the channels from `first` to before `end` of a tensor of ONNX, called `part`."""
        limits = [
            self.keep(f"{part}/{word}", [value], np.int64) for word, value in (("first", first), ("end", end))
        ]
        axes = self.keep(f"{part}/axes", [1], np.int64)
        return self.add("Slice", part, [name, *limits, axes])

    def stride_of(self, tensor: str) -> int:
        """Return how many pixels of the input one place of a tensor stands for."""
        return self._stride[tensor]

    def _note(
        self,
        node: dict[str, Any],
        name: str,
        *,
        like: str,
        is_last: bool | None = None,
        stride: int | None = None,
    ) -> None:
        """Note a converted node: layout and stride are those of the tensor `like`, but for those given."""
        self._names[node["name"]] = name
        self._is_last[node["name"]] = self._is_last[like] if is_last is None else is_last
        self._stride[node["name"]] = self._stride[like] if stride is None else stride

    def _axis(self, tensor: str, axis: int) -> int:
        """Return an axis of the graph's tensor as one of N x C x H x W."""
        return [0, 2, 3, 1][axis] if self._is_last[tensor] else axis

    def _transpose(self, node: dict[str, Any]) -> None:
        order = self._weights[node["input"][1]].tolist()
        if order not in (TO_LAST, TO_FIRST):
            raise ConversionError(f"node {node['name']}: turns its axes to {order}")
        source = node["input"][0]
        self._note(node, self.name_of(source), like=source, is_last=order == TO_LAST)

    def _conv2d(self, node: dict[str, Any]) -> None:
        source, weights = node["input"]
        name = self.name_of(source)
        if not self._is_last[source]:
            raise ConversionError(f"node {node['name']}: its channels are not last")
        _n, high, wide, _c = (int(step) for step in node["attr"]["strides"]["list"]["i"])
        stored = self.keep(f"{weights}/stored", self._weights[weights].transpose(3, 2, 0, 1), np.float16)
        kept = self.add("Cast", weights, [stored], to=TensorProto.FLOAT)
        made = self.add("Conv", node["name"], [name, kept], strides=[high, wide])
        self._note(node, made, like=source, stride=self._stride[source] * wide)

    def _maxpool(self, node: dict[str, Any]) -> None:
        source = node["input"][0]
        name = self.name_of(source)
        facts = {key: [int(n) for n in node["attr"][key]["list"]["i"][1:3]] for key in ("ksize", "strides")}
        pooled = self.add(
            "MaxPool", node["name"], [name], kernel_shape=facts["ksize"], strides=facts["strides"]
        )
        self._note(node, pooled, like=source, stride=self._stride[source] * facts["strides"][1])

    def _pad(self, node: dict[str, Any]) -> None:
        source = node["input"][0]
        inputs = [self.name_of(source)]
        sides = np.zeros((4, 2), np.int64)
        for axis, padding in enumerate(self._weights[node["input"][1]].reshape(-1, 2)):
            sides[self._axis(source, axis)] = padding
        inputs.append(self.keep(f"{node['name']}/sides", sides.T.reshape(-1), np.int64))
        if len(node["input"]) > 2:
            inputs.append(self.keep(f"{node['name']}/value", self._weights[node["input"][2]].reshape(())))
        self._note(node, self.add("Pad", node["name"], inputs), like=source)

    _padv2 = _pad

    def _leakyrelu(self, node: dict[str, Any]) -> None:
        source = node["input"][0]
        name = self.add(
            "LeakyRelu", node["name"], [self.name_of(source)], alpha=float(node["attr"]["alpha"]["f"])
        )
        self._note(node, name, like=source)

    def _add(self, node: dict[str, Any]) -> None:
        source, other = node["input"]
        name = self.name_of(source)
        if other in self._weights:  # a bias by channel
            added = self.keep(other, self._weights[other].reshape(1, -1, 1, 1))
        else:
            added = self.name_of(other)
        self._note(node, self.add("Add", node["name"], [name, added]), like=source)

    _addv2 = _add

    def _concatv2(self, node: dict[str, Any]) -> None:
        *sources, axis = node["input"]
        names = [self.name_of(source) for source in sources]
        wanted = self._axis(sources[0], int(self._weights[axis]) % 4)
        self._note(node, self.add("Concat", node["name"], names, axis=wanted), like=sources[0])

    def _resizebilinear(self, node: dict[str, Any]) -> None:
        """The size that it names is of an input of 416 x 416: as a factor it is of any."""
        source, size = node["input"]
        name = self.name_of(source)
        stride = WRITTEN_FOR_PX // int(self._weights[size][0])
        scales = self.keep(f"{node['name']}/scales", np.array([1, 1, *[self._stride[source] / stride] * 2]))
        resized = self.add(
            "Resize",
            node["name"],
            [name, "", scales],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        self._note(node, resized, like=source, stride=stride)
