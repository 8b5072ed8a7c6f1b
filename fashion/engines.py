"""Run a model file: one small class for each engine, all with the same `run`.

The result of an engine does not depend on the machine's load, on other processes or on earlier calls: the
given precision and number of threads, and no cache on disk.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fashion.engine_choice import (
    CUDA_PROVIDER,
    ONNX_ENGINES,
    EngineError,
    choose_device,
    choose_engine,
    cuda_index,
)
from fashion.precision import AUTO, choose_precision, read_table

__all__ = ["ONNX_ENGINES", "Engine", "EngineError", "InputInfo", "choose_engine", "open_engine"]

Arrays = Mapping[str, NDArray[Any]]

_ONNX_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
}


@dataclasses.dataclass(frozen=True)
class InputInfo:
    """What a model takes under one name: sides in elements, None where the file leaves one open, and the
    name of numpy's dtype."""

    shape: tuple[int | None, ...]
    dtype: str


class Engine(Protocol):
    """A loaded model. Use it from one thread."""

    name: str
    device: str
    """ "cpu" or "cuda:N"."""
    precision: str
    """What it computes in."""
    inputs: dict[str, InputInfo]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the model on named, contiguous arrays and return its named outputs, which are the caller's."""


def open_engine(
    path: Path | str,
    engine: str = "auto",
    threads: int = 1,
    device: str = "cpu",
    known: tuple[str, ...] = ONNX_ENGINES,
    precision: str = "float32",
    ap50_by_precision: Mapping[str, float] | None = None,
) -> Engine:
    """Load a model file: NAME.onnx, for torch the NAME.safetensors of `fashion.model_file`, for openvino also
    NAME.xml with NAME.bin beside. `ap50_by_precision` is for a file that says nothing of it itself.

    Raises EngineError if the engine is not installed, the device or the precision is not there, or the file
    is not a model.
    """
    name, device = choose_device(choose_engine(engine, known), engine, device, known)
    if not Path(path).is_file():
        raise EngineError(f"{path}: no such model file")
    if name == "openvino":
        return OpenVinoEngine(Path(path), threads, precision, ap50_by_precision or read_table(Path(path)))
    if precision not in ("float32", AUTO):
        raise EngineError(f"precision '{precision}' needs engine openvino, not {name}; leave precision out")
    return (OnnxRuntimeEngine if name == "onnxruntime" else TorchEngine)(Path(path), threads, device)


class OpenVinoEngine:
    """OpenVINO on the CPU."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self, path: Path, threads: int, precision: str, ap50_by_precision: Mapping[str, float]
    ) -> None:
        import openvino

        has_bfloat16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = choose_precision(precision, ap50_by_precision, has_bfloat16=has_bfloat16)
        if self.precision == "bfloat16" and not has_bfloat16:
            raise EngineError(
                "precision 'bfloat16': this CPU has no instructions for it; leave precision out"
            )
        try:
            model = openvino.Core().read_model(path)
            self._model = openvino.compile_model(
                model,
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_NUM_THREADS": threads,
                    "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
                    # Each process would pin its threads to the same first cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except RuntimeError as error:
            raise EngineError(f"{path}: OpenVINO cannot load it: {_first_line(error)}") from error
        self._names = [output.get_any_name() for output in model.outputs]
        self.inputs = {
            given.get_any_name(): InputInfo(
                tuple(side.get_length() if side.is_static else None for side in given.get_partial_shape()),
                str(given.get_element_type().to_dtype()),
            )
            for given in model.inputs
        }

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        results = self._model(dict(inputs))
        return {name: np.asarray(results[name]) for name in self._names}


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, or on a GPU of NVIDIA's with what it cannot do there on the CPU."""

    name = "onnxruntime"
    precision = "float32"

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        import onnxruntime

        self.device = device
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes the core from the other processes of the graph.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        providers: list[Any] = ["CPUExecutionProvider"]
        if device != "cpu":
            providers.insert(0, (CUDA_PROVIDER, {"device_id": cuda_index(device)}))
        # The library's exceptions have no common base but Exception; loading raises nothing else.
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
        except Exception as error:
            raise EngineError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
        self._names = [output.name for output in self._session.get_outputs()]
        self.inputs = {
            given.name: InputInfo(
                tuple(side if isinstance(side, int) else None for side in given.shape),
                _ONNX_DTYPES.get(given.type, given.type),
            )
            for given in self._session.get_inputs()
        }

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        return dict(zip(self._names, self._session.run(self._names, dict(inputs)), strict=True))


class TorchEngine:
    """PyTorch, for the project's own model files: "images" in, "logits" out."""

    name = "torch"
    precision = "float32"

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        import torch

        from fashion.model_file import ModelFileError, load_network

        torch.set_num_threads(threads)
        try:
            self._network = load_network(path).to(device)
        except ModelFileError as error:
            raise EngineError(str(error)) from error
        self.device = device
        self.inputs = {"images": InputInfo((None, None, None, None), "float32")}

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        import torch

        with torch.inference_mode():
            logits = self._network(torch.from_numpy(inputs["images"]).to(self.device))
        return {"logits": logits.cpu().numpy()}


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
