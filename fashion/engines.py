"""Run a model file: one small class for each engine, all with the same `run`.

The result of an engine does not depend on the machine's load, on other processes or on earlier calls: 32-bit
floats, the given number of threads, and no cache on disk.
"""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

MODULES = {"openvino": "openvino", "onnxruntime": "onnxruntime", "torch": "torch"}
"""The engines, quickest first as measured on CPUs, and the module that each needs."""

ONNX_ENGINES = ("openvino", "onnxruntime")


class EngineError(ValueError):
    """An engine, device or model file that cannot be used here: one sentence, with the remedy."""


class Engine(Protocol):
    """A loaded model. Use it from one thread."""

    name: str

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the model on named, contiguous arrays and return its named outputs, which are the caller's."""


def choose_engine(engine: str, known: tuple[str, ...] = ONNX_ENGINES) -> str:
    """Return the engine to use: `engine` itself, or for "auto" the quickest of `known` that is installed.

    Imports nothing. Raises EngineError if it is not installed.
    """
    if engine != "auto" and engine not in known:
        raise EngineError(f"engine '{engine}' is not known here; known are auto, {', '.join(known)}")
    for name in known if engine == "auto" else (engine,):
        if importlib.util.find_spec(MODULES[name]) is not None:
            return name
    if engine == "auto":
        raise EngineError(f"no engine is installed; install one of {', '.join(known)}")
    raise EngineError(f"engine '{engine}' is not installed; install {MODULES[engine]} or set engine: auto")


def open_engine(
    path: Path | str,
    engine: str = "auto",
    threads: int = 1,
    device: str = "cpu",
    known: tuple[str, ...] = ONNX_ENGINES,
) -> Engine:
    """Load a model file: NAME.onnx, or for torch the NAME.safetensors of `fashion.model_file`.

    Raises EngineError if the engine is not installed, the device is not there, or the file is not a model.
    """
    if device not in ("cpu", "auto"):
        raise EngineError(f"device '{device}' is not available; set device: cpu")
    name = choose_engine(engine, known)
    if not Path(path).is_file():
        raise EngineError(f"{path}: no such model file")
    classes: dict[str, Callable[[Path, int], Engine]] = {
        "openvino": OpenVinoEngine,
        "onnxruntime": OnnxRuntimeEngine,
        "torch": TorchEngine,
    }
    return classes[name](Path(path), threads)


class OpenVinoEngine:
    """OpenVINO on the CPU."""

    name = "openvino"

    def __init__(self, path: Path, threads: int) -> None:
        import openvino

        try:
            model = openvino.Core().read_model(path)
            self._model = openvino.compile_model(
                model,
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_NUM_THREADS": threads,
                    "INFERENCE_PRECISION_HINT": "f32",
                    # Each process would pin its threads to the same first cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except RuntimeError as error:
            raise EngineError(f"{path}: OpenVINO cannot load it: {_first_line(error)}") from error
        self._names = [output.get_any_name() for output in model.outputs]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        results = self._model(dict(inputs))
        return {name: np.asarray(results[name]) for name in self._names}


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU."""

    name = "onnxruntime"

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes the core from the other processes of the graph.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        # The library's exceptions have no common base but Exception; loading raises nothing else.
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise EngineError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        return dict(zip(self._names, self._session.run(self._names, dict(inputs)), strict=True))


class TorchEngine:
    """PyTorch on the CPU, for the project's own model files: "images" in, "logits" out."""

    name = "torch"

    def __init__(self, path: Path, threads: int) -> None:
        import torch

        from fashion.model_file import ModelFileError, load_network

        torch.set_num_threads(threads)
        try:
            self._network = load_network(path)
        except ModelFileError as error:
            raise EngineError(str(error)) from error

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        import torch

        with torch.inference_mode():
            logits = self._network(torch.from_numpy(inputs["images"]))
        return {"logits": logits.numpy()}


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
