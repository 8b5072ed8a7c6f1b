"""Which engine and device are used, on machines with made-up GPUs."""

import pytest

from fashion_pipeline.fashion import engine_choice
from fashion_pipeline.fashion.engine_choice import EngineError, choose_device

ONNX = ("openvino", "onnxruntime")
ALL = (*ONNX, "torch")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many GPUs each engine can use; everything is installed."""
    counts: dict[str, int] = {}
    monkeypatch.setattr(engine_choice, "cuda_count", lambda engine: counts.get(engine, 0))
    monkeypatch.setattr(engine_choice.importlib.util, "find_spec", lambda name: object())
    return counts


@pytest.mark.parametrize(
    ("on_gpu", "name", "engine", "device", "known", "expected"),
    [
        # On the CPU nothing is asked of anybody.
        ({"onnxruntime": 2}, "openvino", "auto", "cpu", ONNX, ("openvino", "cpu")),
        # auto: the CPU where there is no GPU, whatever the engine.
        ({}, "openvino", "auto", "auto", ONNX, ("openvino", "cpu")),
        ({}, "torch", "torch", "auto", ALL, ("torch", "cpu")),
        # auto: the first engine that can use a GPU takes over, if the engine is left open too.
        ({"onnxruntime": 1}, "openvino", "auto", "auto", ONNX, ("onnxruntime", "cuda:0")),
        ({"torch": 1}, "openvino", "auto", "auto", ALL, ("torch", "cuda:0")),
        ({"torch": 1}, "openvino", "auto", "auto", ONNX, ("openvino", "cpu")),
        # A named engine stays.
        ({"onnxruntime": 1}, "openvino", "openvino", "auto", ONNX, ("openvino", "cpu")),
        ({"onnxruntime": 2}, "onnxruntime", "onnxruntime", "cuda:1", ONNX, ("onnxruntime", "cuda:1")),
        ({"onnxruntime": 1, "torch": 4}, "openvino", "auto", "cuda:3", ALL, ("torch", "cuda:3")),
    ],
)
def test_engine_and_device_fit_together(
    on_gpu: dict[str, int],
    name: str,
    engine: str,
    device: str,
    known: tuple[str, ...],
    expected: tuple[str, str],
    gpus: dict[str, int],
) -> None:
    gpus.update(on_gpu)
    assert choose_device(name, engine, device, known) == expected


@pytest.mark.parametrize(
    ("engine", "device", "said"),
    [
        ("auto", "cuda:1", "device 'cuda:1' is not available; set device: cpu, or .* onnxruntime or torch"),
        ("openvino", "cuda:0", "device 'cuda:0' is not available; .* another engine that can use it"),
        ("auto", "gpu", "device 'gpu' is not known; known are auto, cpu, cuda:0"),
        ("auto", "openvino:GPU", "device 'openvino:GPU' is not available, OpenVINO has .* here"),
        ("auto", "cuda:", "device 'cuda:' is not known"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(
    engine: str, device: str, said: str, gpus: dict[str, int]
) -> None:
    gpus["torch"] = gpus["onnxruntime"] = 1
    with pytest.raises(EngineError, match=said):
        choose_device("openvino", engine, device, ALL)


def test_a_device_of_openvino_is_for_openvino(gpus: dict[str, int]) -> None:
    with pytest.raises(EngineError, match="device 'openvino:GPU' is for engine openvino, not torch"):
        choose_device("torch", "torch", "openvino:GPU", ALL)


def test_the_engines_that_are_installed_can_be_asked() -> None:
    for engine in ("torch", "onnxruntime", "openvino"):
        assert engine_choice.cuda_count(engine) >= 0
