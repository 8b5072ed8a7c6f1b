"""Row 7: images a second of v1 to v4 by batch size, one thread each, by torch, ONNX Runtime and OpenVINO.

The weights are random: how long a network takes does not depend on them.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.settings import Result, Settings, median

TITLE = "Classifier"
NETWORKS = ("v1", "v2", "v3", "v4")
ENGINES = ("torch", "onnxruntime", "openvino")
BATCHES = (1, 4, 16, 64)
SECONDS = 0.25


def measure(settings: Settings) -> Result:
    import torch

    from fashion_pipeline.fashion.engines import open_engine
    from fashion_pipeline.fashion.model_file import export_onnx, save_model
    from fashion_pipeline.fashion.model_info import read_info
    from fashion_pipeline.fashion.model_lookup import find_model
    from fashion_pipeline.fashion.networks import build_network

    torch.set_num_threads(1)
    info = read_info(find_model("v2_da"))
    found: dict[str, dict[str, dict[str, Result]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in NETWORKS:
            torch.manual_seed(0)
            path = Path(folder) / f"{name}.safetensors"
            save_model(path, build_network(name).state_dict(), dataclasses.replace(info, network=name))
            onnx = export_onnx(path)
            engines = {
                engine: open_engine(path if engine == "torch" else onnx, engine, 1, "cpu", ENGINES)
                for engine in ENGINES
            }
            rates: dict[str, dict[str, list[float]]] = {engine: {} for engine in ENGINES}
            for batch in BATCHES:
                images = np.random.default_rng(0).random((batch, 1, 28, 28), np.float32)
                for _turn in range(settings.repeats):
                    for engine, loaded in engines.items():
                        seconds = SECONDS / 5 if settings.is_quick else SECONDS
                        rates[engine].setdefault(str(batch), []).append(_rate(loaded, images, seconds))
            found[name] = {
                engine: {batch: median(values) for batch, values in by_batch.items()}
                for engine, by_batch in rates.items()
            }
    return found


def _rate(engine: object, images: np.ndarray, seconds: float) -> float:
    engine.run({"images": images})  # type: ignore[attr-defined]
    started_s, count = time.perf_counter(), 0
    while (elapsed_s := time.perf_counter() - started_s) < seconds:
        engine.run({"images": images})  # type: ignore[attr-defined]
        count += len(images)
    return count / elapsed_s


def describe(result: Result) -> list[str]:
    lines = [
        "Images a second, one thread, medians.",
        "",
        f"| network | engine | {' | '.join(f'batch {batch}' for batch in BATCHES)} |",
        f"| --- | --- |{' ---: |' * len(BATCHES)}",
    ]
    for name in NETWORKS:
        for engine in ENGINES:
            cells = " | ".join(f"{result[name][engine][str(batch)]['median']:,.0f}" for batch in BATCHES)
            lines.append(f"| {name} | {engine} | {cells} |")
    return lines


def plot(result: Result, axes: object) -> None:
    for engine in ENGINES:
        rates = [result["v2"][engine][str(batch)]["median"] for batch in BATCHES]
        axes.plot(BATCHES, rates, marker="o", label=engine)  # type: ignore[attr-defined]
    axes.set_xscale("log", base=2)  # type: ignore[attr-defined]
    axes.set_xlabel("batch of v2")  # type: ignore[attr-defined]
    axes.set_ylabel("images/s")  # type: ignore[attr-defined]
    axes.legend()  # type: ignore[attr-defined]
