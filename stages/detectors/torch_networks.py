"""Common parts of the detectors run by PyTorch: their file, their device, a picture as a tensor."""

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fashion_pipeline.fashion.engine_choice import choose_device, choose_engine
from fashion_pipeline.stages.detectors.detector import DetectorSettings

ENGINES = ("torch",)


def check_torch(settings: DetectorSettings, module: str, extra: str) -> None:
    """Raise ValueError, in one sentence, if torch or `module` is not installed or another engine is named."""
    if settings.engine not in ("auto", *ENGINES):
        raise ValueError(f"detector '{settings.model}' is run by torch; set engine: auto or torch")
    if settings.head != "auto":
        raise ValueError(f"'head' is for ONNX exports, not for detector '{settings.model}'; leave it out")
    missing = [name for name in ("torch", module) if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"detector '{settings.model}' needs {' and '.join(missing)}; install the extra '{extra}'"
        )


def prepare_torch(settings: DetectorSettings) -> str:
    """Set the threads and return the device, "cpu" or "cuda:N". Raises ValueError if it is missing."""
    import torch

    name, device = choose_device(choose_engine("torch", ENGINES), "torch", settings.device, ENGINES)
    assert name == "torch"
    torch.set_num_threads(settings.threads)
    return device


def load_quietly(path: Path, settings: DetectorSettings, load: Callable[[], Any]) -> Any:
    """Return what `load` makes of the weights in `path`; any failure becomes a ValueError of one sentence."""
    with warnings.catch_warnings():
        # The libraries warn about how they call each other; the user cannot change that.
        warnings.simplefilter("ignore")
        try:
            return load()
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = lines[0][:200] if lines else type(error).__name__
            raise ValueError(
                f"{path}: not the weights of detector '{settings.model}': {said}; get the right file"
            ) from error


def to_tensor(image_bgr: npt.NDArray[np.uint8], device: str) -> Any:
    """Return a picture as float32 3 x H x W, RGB, 0 to 1, on the device."""
    import torch

    planes_rgb = np.ascontiguousarray(image_bgr[:, :, ::-1].transpose(2, 0, 1))
    return torch.from_numpy(planes_rgb).to(device).float() / 255
