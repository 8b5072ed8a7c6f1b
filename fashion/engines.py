"""Engines that run model files: one small class each, all with the same `run`.

An engine's result does not depend on the machine's load, on other processes or on earlier calls: precision
and number of threads are fixed, and there is no cache on disk.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fashion_pipeline.fashion.engine_choice import (
    CUDA_PROVIDER,
    ONNX_ENGINES,
    EngineError,
    choose_device,
    choose_engine,
    cuda_index,
)
from fashion_pipeline.fashion.engine_types import Arrays, Engine, InputInfo, first_line
from fashion_pipeline.fashion.model_file import ModelFileError, load_network
from fashion_pipeline.fashion.openvino_engine import OpenVinoEngine
from fashion_pipeline.fashion.precision import choose_precision, read_table

__all__ = ["ONNX_ENGINES", "Engine", "EngineError", "InputInfo", "choose_engine", "open_engine"]

_ONNX_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
}


def open_engine(
    path: Path | str,
    engine: str = "auto",
    threads: int = 1,
    device: str = "cpu",
    known: tuple[str, ...] = ONNX_ENGINES,
    precision: str = "float32",
    quality_by_precision: Mapping[str, float] | None = None,
    int8: Path | None = None,
    is_alone_on_cpu: bool = False,
) -> Engine:
    """Load a model file: NAME.onnx, for torch the NAME.safetensors of `fashion.model_file`, for openvino also
    NAME.xml with its NAME.bin. `quality_by_precision` is for a file without that property;
    `int8` the file of the same model in int8; `is_alone_on_cpu`: on a CPU each pass is of one picture, which
    is quicker where the engine knows it.

    Raises EngineError if the engine is not installed, the device or the precision is not there, or the file
    is not a model.
    """
    name, device = choose_device(choose_engine(engine, known), engine, device, known)
    if not Path(path).is_file():
        raise EngineError(f"{path}: no such model file")
    table = {} if name == "torch" else quality_by_precision or read_table(Path(path))
    if name == "openvino":
        return OpenVinoEngine(
            Path(path), threads, device, precision, table, int8=int8, is_alone_on_cpu=is_alone_on_cpu
        )
    able = ("tfloat32", "float32") if name == "onnxruntime" and device != "cpu" else ("float32",)
    precision = choose_precision(precision, table, able)
    if precision not in able:
        raise EngineError(
            f"precision '{precision}': engine {name} computes in {' or '.join(able)} on {device}; leave "
            "precision out, or set engine: openvino"
        )
    if name == "onnxruntime":
        return OnnxRuntimeEngine(Path(path), threads, device, precision)
    return TorchEngine(Path(path), threads, device)


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, or on an NVIDIA GPU, with unsupported operations on the CPU."""

    name = "onnxruntime"

    def __init__(self, path: Path, threads: int, device: str = "cpu", precision: str = "float32") -> None:
        """precision: "float32", or on a GPU "tfloat32"."""
        import onnxruntime

        self.path, self.device, self.precision = path, device, precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes CPU time from the other processes of the graph.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        providers: list[Any] = ["CPUExecutionProvider"]
        if device != "cpu":
            # From NVIDIA's packages installed by pip, or from torch's.
            onnxruntime.preload_dlls()
            settings = {"device_id": cuda_index(device), "use_tf32": int(precision == "tfloat32")}
            providers.insert(0, (CUDA_PROVIDER, settings))
        # The library's exceptions have no common base but Exception; loading raises nothing else.
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
        except Exception as error:
            raise EngineError(f"{path}: ONNX Runtime cannot load it: {first_line(error)}") from error
        # It falls back to the CPU if it cannot load CUDA, and says so only in its log.
        if device != "cpu" and CUDA_PROVIDER not in self._session.get_providers():
            raise EngineError(
                f"device '{device}': ONNX Runtime cannot use it, probably CUDA or cuDNN is missing; "
                "install the extra 'gpu', or set device: cpu"
            )
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

        torch.set_num_threads(threads)
        try:
            self._network = load_network(path).to(device)
        except ModelFileError as error:
            raise EngineError(str(error)) from error
        self.path, self.device = path, device
        self.inputs = {"images": InputInfo((None, None, None, None), "float32")}

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        import torch

        with torch.inference_mode():
            logits = self._network(torch.from_numpy(inputs["images"]).to(self.device))
        return {"logits": logits.cpu().numpy()}
