"""Models on disk: NAME.safetensors, with weights and everything needed to use them, and NAME.onnx next to it.

Plain tensors and a JSON header, no pickle: loading a model cannot run code.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_pipeline.fashion.model_info import ModelFileError, ModelInfo, check_info, read_info
from fashion_pipeline.fashion.networks import build_network
from fashion_pipeline.fashion.whole_files import place_of, whole_file, write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "ModelFileError",
    "ModelInfo",
    "export_onnx",
    "file_digest",
    "load_network",
    "read_info",
    "save_model",
]

INPUT_NAME, OUTPUT_NAME = "images", "logits"
OPSET = 17  # old enough for OpenVINO and OpenCV, and has everything our networks need
DIGEST_KEY = "safetensors_sha256"


def file_digest(path: Path | str) -> str:
    """The sha256 of a file, in hex; with it, results and the ONNX file name the exact weights."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_model(path: Path | str, weights: Mapping[str, "Tensor"], info: ModelInfo) -> None:
    """Write weights (a state_dict, any device) and info to `path`, at once or not at all.

    Raises ModelFileError if info does not fit, before anything is written.
    """
    from safetensors.torch import save

    path = Path(path)
    try:
        check_info(info)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_whole(path, _with_ordered_header(save(plain, info.to_metadata())))


def _with_ordered_header(content: bytes) -> bytes:
    """The library writes metadata in an order of chance; so the same model always is the same file, by whose
    digest others know it. (The header: its length in 8 bytes, JSON, blanks up to a multiple of 8.)
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def load_network(path: Path | str) -> "nn.Module":
    """Build the network of a model file with its weights, on the CPU, in evaluation mode.

    Raises ModelFileError as `read_info` does, and if the weights are not those of the network.
    """
    from safetensors.torch import load_file

    path = Path(path)
    info = read_info(path)
    network = build_network(info.network, len(info.labels))
    try:
        network.load_state_dict(load_file(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path}: the weights are not those of its network: {reason}") from error
    return network.eval()


def export_onnx(path: Path | str) -> Path:
    """Write the model of `path` (NAME.safetensors) as NAME.onnx next to it, and return the new path.

    In: "images", float32 N x C x H x W with free N, preprocessed by `fashion.preprocessing`. Out: "logits",
    float32 N x labels, not yet divided by the temperature. The file's properties hold the metadata and
    the sha256 of the safetensors file, so a stale export shows. Raises ModelFileError as `load_network` does.
    """
    import onnx
    import torch

    path = Path(path)
    target = path.with_suffix(".onnx")
    if target == path:
        raise ModelFileError(f"{path}: is an ONNX file already; give the .safetensors file")
    info, network = read_info(path), load_network(path)
    example = torch.zeros(1, info.input.channels, info.input.size_wh[1], info.input.size_wh[0])
    with whole_file(target) as file, warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that needs another package; it suits networks
        # without control flow, as ours are, and the test compares the outputs.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (example,),
            place_of(file),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "n"}, OUTPUT_NAME: {0: "n"}},
        )
        model = onnx.load(place_of(file))
        onnx.helper.set_model_props(model, {**info.to_metadata(), DIGEST_KEY: file_digest(path)})
        onnx.checker.check_model(model)
        onnx.save(model, place_of(file))
    return target
