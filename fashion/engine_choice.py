"""Choice of engine and device, from the user's settings and what is installed."""

import importlib.util
from pathlib import Path

MODULES = {name: name for name in ("openvino", "onnxruntime", "torch", "tensorflow")}
"""The engines, fastest first as measured on CPUs, and the module that each needs."""

ONNX_ENGINES = ("openvino", "onnxruntime")

CUDA_ENGINES = ("onnxruntime", "torch", "tensorflow")
"""The engines that can use an NVIDIA GPU if their installed build supports it."""

OPENVINO_PREFIX = "openvino:"
"""Before OpenVINO's name of a device other than the CPU: openvino:GPU.0, openvino:NPU."""

CUDA_PROVIDER = "CUDAExecutionProvider"


class EngineError(ValueError):
    """An engine, device or model file that cannot be used here: one sentence, with the remedy."""


def choose_engine(engine: str, known: tuple[str, ...] = ONNX_ENGINES) -> str:
    """Return the engine to use: `engine` itself, or for "auto" the fastest of `known` that is installed.

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


def cuda_count(engine: str) -> int:
    """Return how many NVIDIA GPUs the installed build of an engine can use. Imports the engine."""
    if engine == "torch":
        import torch

        return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
    if engine == "tensorflow":
        import tensorflow as tf

        return len(tf.config.list_physical_devices("GPU"))
    if engine == "onnxruntime":
        import onnxruntime

        if CUDA_PROVIDER in onnxruntime.get_available_providers():
            return len(list(Path("/dev").glob("nvidia[0-9]*")))
    return 0


def choose_device(
    name: str, engine: str, device: str, known: tuple[str, ...] = ONNX_ENGINES
) -> tuple[str, str]:
    """Return (engine, device) to use: device is "cpu", "cuda:N" or "openvino:NAME".

    `name` is the engine that was chosen for what the user wrote, `engine`, among `known`. For a GPU another
    of `known` takes its place if the user wrote "auto". "auto" as device is the first GPU that an engine can
    use, else the CPU. Raises EngineError for a GPU that no engine allowed here can use.
    """
    if device == "cpu":
        return name, "cpu"
    allowed = known if engine == "auto" else (name,)
    if device.startswith(OPENVINO_PREFIX):
        return _choose_openvino_device(allowed, device)
    index = 0 if device == "auto" else cuda_index(device)
    for other in allowed:
        is_there = other in CUDA_ENGINES and importlib.util.find_spec(MODULES[other]) is not None
        if is_there and cuda_count(other) > index:
            return other, f"cuda:{index}"
    if device == "auto":
        return name, "cpu"
    able = " or ".join(other for other in allowed if other in CUDA_ENGINES) or "another engine"
    raise EngineError(
        f"device '{device}' is not available; set device: cpu, or install a build of {able} that can use it"
    )


def _choose_openvino_device(allowed: tuple[str, ...], device: str) -> tuple[str, str]:
    """Return ("openvino", device). Raises EngineError if it or the engine is missing."""
    if "openvino" not in allowed:
        raise EngineError(f"device '{device}' is for engine openvino, not {' or '.join(allowed)}")
    choose_engine("openvino")
    import openvino

    there = openvino.Core().available_devices
    # GPU is the first of GPU.0, GPU.1, …
    known = {*there, *(name.partition(".")[0] for name in there)}
    if device.removeprefix(OPENVINO_PREFIX) not in known:
        raise EngineError(
            f"device '{device}' is not available, OpenVINO has {', '.join(there)} here; set device: cpu, or "
            "install the device's driver"
        )
    return "openvino", device


def cuda_index(device: str) -> int:
    """Return N of "cuda:N". Raises EngineError for anything else."""
    kind, _colon, number = device.partition(":")
    if kind != "cuda" or not number.isdecimal():
        raise EngineError(
            f"device '{device}' is not known; known are auto, cpu, cuda:0, …, {OPENVINO_PREFIX}GPU, …"
        )
    return int(number)
