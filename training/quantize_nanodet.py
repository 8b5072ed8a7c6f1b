"""Make models/nanodet.int8.onnx of nanodet.onnx: `python -m training.quantize_nanodet PHOTOS`.

PHOTOS is a folder of photos of people (in what ships street/tagged of `make data-street`), of which
CALIBRATION_PHOTOS, evenly chosen, show in what range the values of each layer lie; nothing else of them
enters. The same photos give the same bytes. Post-training quantisation by NNCF, into QuantizeLinear and
DequantizeLinear of ONNX.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import nncf
import numpy as np
import numpy.typing as npt
import onnx
from nncf.quantization.range_estimator import RangeEstimatorParametersSet
from onnx import helper, numpy_helper

from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.training.convert_nanodet import SIZE_HW

CALIBRATION_PHOTOS = 100
KEPT_IN_FLOAT = ("centred", "scaled")
"""Nodes, by their output, that bring pixels to the network's scale: there is no work to save."""


class QuantizationError(Exception):
    """Photos that cannot be used. One line that says why."""


def folded(path: Path) -> onnx.ModelProto:
    """Return a model with its constants worked out, and biases and padding inside their convolutions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as temporary:
        options.optimized_model_filepath = str(Path(temporary) / "folded.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        model = onnx.load(options.optimized_model_filepath)
    _pad_inside_the_pool(model.graph)
    for node in model.graph.node:
        node.name = node.output[0]  # NNCF wants names
    return model


def _pad_inside_the_pool(graph: onnx.GraphProto) -> None:
    """Make the padding before a maximum the pool's own: minus infinity cannot be quantised."""
    constants = {each.name: each for each in graph.initializer}
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad"}
    for pool in [node for node in graph.node if node.op_type == "MaxPool" and node.input[0] in pads]:
        pad = pads[pool.input[0]]
        _n0, _c0, top, left, _n1, _c1, bottom, right = numpy_helper.to_array(constants[pad.input[1]]).tolist()
        kept = [each for each in pool.attribute if each.name not in ("pads", "auto_pad")]
        pool.ClearField("attribute")
        pool.attribute.extend([*kept, helper.make_attribute("pads", [top, left, bottom, right])])
        pool.input[0] = pad.input[0]
        graph.node.remove(pad)
        for unused in pad.input[1:]:
            graph.initializer.remove(constants[unused])


def read_photos(folder: Path) -> list[npt.NDArray[np.uint8]]:
    """Return CALIBRATION_PHOTOS of a folder, or all of fewer, as the detector is given them."""
    import cv2

    paths = sorted(folder.glob("*.jpg"))
    chosen = paths[:: max(1, len(paths) // CALIBRATION_PHOTOS)][:CALIBRATION_PHOTOS]
    read = [cv2.imread(str(path)) for path in chosen]
    photos = [photo for photo in read if photo is not None]
    if not photos or len(photos) < len(chosen):
        raise QuantizationError(f"{folder}: has no *.jpg, or a broken one; name a folder of photos of people")
    small = [cv2.resize(photo, SIZE_HW[::-1], interpolation=cv2.INTER_LINEAR) for photo in photos]
    return [photo.astype(np.uint8, copy=False)[np.newaxis] for photo in small]


def quantized(model: onnx.ModelProto, photos: list[npt.NDArray[np.uint8]]) -> onnx.ModelProto:
    """Return the model with its convolutions in int8."""
    name = model.graph.input[0].name
    found: onnx.ModelProto = nncf.quantize(
        model,
        nncf.Dataset(photos, lambda photo: {name: photo}),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(photos),
        ignored_scope=nncf.IgnoredScope(names=list(KEPT_IN_FLOAT)),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            # Weights of 7 bits: sums of pairs then fit 16, so that CPUs without VNNI give the same result.
            overflow_fix=nncf.OverflowFix.ENABLE,
            # NNCF's own ranges leave rare values out, which costs 0.01 of AP50.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        ),
    )
    return found


def with_unsigned_activations(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its activations in uint8: the same values, moved up by 128.

    OpenVINO 2026.4 computes something else, in which nobody is found, from activations in int8.
    """
    graph = model.graph
    constants = {each.name: each for each in graph.initializer}
    for name in sorted({node.input[2] for node in graph.node if node.op_type == "QuantizeLinear"}):
        zero = numpy_helper.to_array(constants[name])
        if zero.dtype == np.int8:
            moved = (zero.astype(np.int16) + 128).astype(np.uint8)
            constants[name].CopyFrom(numpy_helper.from_array(moved, name))
    graph.ClearField("value_info")  # says int8
    opsets = [each for each in model.opset_import if not each.domain]
    result = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(result, full_check=True)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Quantise; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.quantize_nanodet", description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, default=MODELS_FOLDER / "nanodet.onnx")
    parser.add_argument("--output", type=Path, default=MODELS_FOLDER / "nanodet.int8.onnx")
    options = parser.parse_args(arguments)
    try:
        photos = read_photos(options.photos)
    except QuantizationError as error:
        print(error, file=sys.stderr)
        return 1
    content = with_unsigned_activations(quantized(folded(options.model), photos)).SerializeToString(
        deterministic=True
    )
    options.output.write_bytes(content)
    print(f"wrote {options.output} ({len(content) / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
