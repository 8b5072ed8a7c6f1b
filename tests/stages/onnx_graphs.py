"""Small ONNX files that answer as exports of detectors do: a fixed table, or what they were shown."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def write_fixed(
    path: Path,
    outputs: Mapping[str, np.ndarray],
    *,
    input_sides: tuple[int | str, ...] = (1, 3, 64, 64),
    with_sizes: bool = False,
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Write a graph whose outputs are always `outputs`, whatever the picture."""
    inputs = [helper.make_tensor_value_info("images", dtype, list(input_sides))]
    if with_sizes:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]))
    nodes, constants, infos = [], [], []
    # Each output hangs on each input, or the engines would leave the inputs out.
    for position, given in enumerate(inputs):
        nodes.append(helper.make_node("ReduceSum", [given.name], [f"sum_{position}"], keepdims=0))
        nodes.append(
            helper.make_node("Cast", [f"sum_{position}"], [f"float_{position}"], to=TensorProto.FLOAT)
        )
    for name, array in outputs.items():
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        constants.append(numpy_helper.from_array(array, f"{name}_value"))
        last = f"{name}_value"
        for position in range(len(inputs)):
            zero, next_ = f"{name}_zero_{position}", f"{name}_{position}"
            constants.append(numpy_helper.from_array(np.array(0, np.float32), f"{zero}_factor"))
            nodes.append(helper.make_node("Mul", [f"float_{position}", f"{zero}_factor"], [f"{zero}_float"]))
            nodes.append(helper.make_node("Cast", [f"{zero}_float"], [zero], to=kind))
            nodes.append(helper.make_node("Add", [last, zero], [next_]))
            last = next_
        nodes.append(helper.make_node("Identity", [last], [name]))
        infos.append(helper.make_tensor_value_info(name, kind, array.shape))
    return _save(path, helper.make_graph(nodes, "fixed", inputs, infos, constants))


def write_red_reader(
    path: Path, *, at_xy: tuple[int, int], box_cxcywh: list[float], batch: int | str = 1
) -> Path:
    """Write a graph with a head of YOLO v8 of one class and 64 x 64 input: the one box is `box_cxcywh`, and
    its score is the first colour of the pixel `at_xy` of the input."""
    x, y = at_xy
    candidates = 8
    boxes = np.zeros((1, 4, candidates), np.float32)
    boxes[0, :, 0] = box_cxcywh
    is_first = np.eye(1, candidates, dtype=np.float32)[np.newaxis]
    constants = [
        numpy_helper.from_array(np.array([0, 0, y, x]), "starts"),
        numpy_helper.from_array(np.array([2**31, 1, y + 1, x + 1]), "ends"),
        numpy_helper.from_array(np.array([0, 1, 1]), "shape"),
        numpy_helper.from_array(np.zeros((1, 1, 1), np.float32), "zero"),
        numpy_helper.from_array(boxes, "boxes"),
        numpy_helper.from_array(is_first, "is_first"),
    ]
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "shape"], ["red"]),
        helper.make_node("Mul", ["red", "is_first"], ["scores"]),
        # As often as there are pictures.
        helper.make_node("Mul", ["red", "zero"], ["nothing"]),
        helper.make_node("Add", ["boxes", "nothing"], ["all_boxes"]),
        helper.make_node("Concat", ["all_boxes", "scores"], ["output0"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 64, 64])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, 5, candidates])]
    return _save(path, helper.make_graph(nodes, "red", inputs, outputs, constants))


def _save(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
