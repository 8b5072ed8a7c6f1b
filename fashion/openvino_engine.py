"""The OpenVINO engine: on the CPU, or on another of its devices (Intel GPU, NPU)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.engine_choice import OPENVINO_PREFIX, EngineError
from fashion_pipeline.fashion.engine_types import Arrays, InputInfo, first_line
from fashion_pipeline.fashion.precision import AUTO, choose_precision

_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_CAPABILITIES = {"bfloat16": "BF16", "float16": "FP16", "float32": "FP32"}
"""OpenVINO's names, for what is asked of it and for what a device says of itself; the quickest first."""


class OpenVinoEngine:
    """A loaded model."""

    name = "openvino"

    def __init__(
        self,
        path: Path,
        threads: int,
        device: str,
        precision: str,
        quality_by_precision: Mapping[str, float],
        *,
        int8: Path | None = None,
        is_alone_on_cpu: bool = False,
    ) -> None:
        """device: "cpu", or OPENVINO_PREFIX and a device of OpenVINO's. int8: the file of the same model in
        int8. Raises EngineError."""
        import openvino

        self.device = device
        core, place = openvino.Core(), _place(device)
        able = _able(core, place, has_int8=int8 is not None)
        if place == "CPU":
            precision = choose_precision(precision, quality_by_precision, able)
        if precision not in (AUTO, *able):
            why = "no file in it" if precision == "int8" else f"this {place} has no instructions for it"
            raise EngineError(f"precision '{precision}': {why}; leave precision out")
        self.path = int8 if int8 is not None and precision == "int8" else path
        try:
            model = core.read_model(self.path)
            if is_alone_on_cpu and device == "cpu":
                _fix_batch(model)
            self._model = core.compile_model(model, place, _properties(place, threads, precision))
        except RuntimeError as error:
            raise EngineError(f"{self.path}: OpenVINO cannot load it: {first_line(error)}") from error
        self.precision = precision if precision != AUTO else self._own_precision()
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

    def _own_precision(self) -> str:
        """Return the precision that the device has chosen."""
        hint = str(self._model.get_property("INFERENCE_PRECISION_HINT").to_string())
        return next((name for name, short in _HINTS.items() if short == hint), hint)


def _place(device: str) -> str:
    """Return OpenVINO's name of a device."""
    return "CPU" if device == "cpu" else device.removeprefix(OPENVINO_PREFIX)


def _fix_batch(model: Any) -> None:
    """Make the batch of each input 1, where the file leaves it open."""
    shapes = {given.get_any_name(): given.get_partial_shape() for given in model.inputs}
    if any(shape[0].is_dynamic for shape in shapes.values()):
        model.reshape({name: [1, *list(shape)[1:]] for name, shape in shapes.items()})


def _able(core: Any, place: str, *, has_int8: bool) -> list[str]:
    """Return the precisions of a device, fastest first: int8 was faster than bfloat16 where measured, on CPUs
    with and without instructions for it (docs/detectors.md)."""
    says = core.get_property(place, "OPTIMIZATION_CAPABILITIES")
    able = [precision for precision, name in _CAPABILITIES.items() if name in says]
    return ["int8", *able] if has_int8 and place == "CPU" else able


def _properties(place: str, threads: int, precision: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if precision != AUTO:
        # Operations that an int8 file leaves in floating point stay in float32.
        properties["INFERENCE_PRECISION_HINT"] = _HINTS.get(precision, "f32")
    if place == "CPU":
        # Each process would pin its threads to the same first cores.
        properties |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    return properties
