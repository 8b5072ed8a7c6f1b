"""Classifiers as the stages use them: cropping a person for a model, and classifying the garments.

Two kinds: a Fashion-MNIST network (NAME.safetensors, one label per person), and `street` (NAME.json and
NAME.onnx, a set of labels with regions).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.color_words import name_of
from fashion_pipeline.fashion.colors import color_shares
from fashion_pipeline.fashion.engines import Engine, choose_engine, open_engine
from fashion_pipeline.fashion.findings import Clothing, Garment
from fashion_pipeline.fashion.model_file import file_digest
from fashion_pipeline.fashion.model_info import ModelFileError
from fashion_pipeline.fashion.model_lookup import check_model, find_street_model
from fashion_pipeline.fashion.preprocessing import InputSpec, cut_to_input, to_batch
from fashion_pipeline.fashion.street import cut_look, labels_above_thresholds, read_facts, shifted, widened

ENGINES = ("openvino", "onnxruntime", "torch")
Crop = NDArray[np.uint8]
GPU_PERSONS_A_PASS = 32
"""Of `street`. On a CPU it is one: larger passes cost more per person there, and OpenVINO keeps the memory of
its largest pass, 14 MB per person."""


class Cutter(Protocol):
    """The crop of a person that a model needs."""

    region: str

    def cut(self, image_bgr: Crop, box_xyxy: Sequence[float]) -> Crop | None:
        """Cut a person out of a picture; None if the box lies outside."""


class Classifier(Protocol):
    """A loaded classifier of garments."""

    region: str
    crop_shape: tuple[int, ...]
    digest: str
    precision: str
    """Precision of the network."""
    shift: float
    """Added to the thresholds, in logits: above 0 fewer labels are told. 0 for a model without thresholds."""

    def predict(self, crops: Sequence[Crop], boxes_xyxy: Sequence[Sequence[float]]) -> list[Clothing]:
        """Return what each person wears, from their crops: label, score, region, box; from some
        models also color, color_shares and the threshold at which the label counts as told."""


def open_cutter(model: str) -> Cutter:
    """Return how to crop for a model, by name or path. Raises ModelFileError if there is none."""
    street = find_street_model(model)
    return _StreetCutter(street) if street is not None else _LabelCutter(model)


def check_classifier(model: str, engine: str) -> None:
    """Raise ModelFileError or EngineError for a model that cannot be used here. Loads nothing."""
    street = find_street_model(model)
    if street is None:
        check_model(model, needs_onnx=choose_engine(engine, ENGINES) != "torch")
    else:
        read_facts(street)
        choose_engine(engine)


def open_classifier(
    model: str, engine: str, *, threads: int, device: str, precision: str = "float32"
) -> Classifier:
    """Load a model, by name or path. Raises ModelFileError or EngineError if it cannot be used here."""
    street = find_street_model(model)
    if street is not None:
        return _StreetClassifier(street, engine, threads, device, precision)
    return _LabelClassifier(model, engine, threads, device, precision)


def crop_form(model: str) -> str:
    """Return the form of crops that a model, by name or path, takes; models of one form can share crops.
    Raises ModelFileError if there is none."""
    street = find_street_model(model)
    if street is not None:
        return _form("whole", read_facts(street).look.input)
    _path, info, _digest = check_model(model, needs_onnx=False)
    return _form(info.input.region, info.input)


def _form(region: str, spec: InputSpec) -> str:
    width, height = spec.size_wh
    return f"the {region} person, {width}x{height} in {'grey' if spec.channels == 1 else 'colour'}"


class _LabelCutter:
    def __init__(self, model: str) -> None:
        _path, info, _digest = check_model(model, needs_onnx=False)
        if info.input.region != "whole":
            raise ModelFileError(
                f"model '{model}' wants the region '{info.input.region}' of a person; crop can cut whole"
            )
        self._spec = info.input
        self.region = info.input.region

    def cut(self, image_bgr: Crop, box_xyxy: Sequence[float]) -> Crop | None:
        return cut_to_input(image_bgr, box_xyxy, self._spec)


class _StreetCutter:
    region = "whole"

    def __init__(self, path: Path) -> None:
        self._look = read_facts(path).look

    def cut(self, image_bgr: Crop, box_xyxy: Sequence[float]) -> Crop | None:
        return cut_look(image_bgr, box_xyxy, self._look)


class _LabelClassifier:
    """One label per person: the softmax of the logits at the model's temperature."""

    shift = 0.0

    def __init__(self, model: str, engine: str, threads: int, device: str, precision: str) -> None:
        name = choose_engine(engine, ENGINES)
        path, self._info, digest = check_model(model, needs_onnx=name != "torch")
        file = path if name == "torch" else path.with_suffix(".onnx")
        self._engine: Engine = open_engine(file, name, threads, device, ENGINES, precision)
        self.digest, self.precision = f"sha256:{digest}", self._engine.precision
        self.region = self._info.input.region
        self.crop_shape = crop_shape(self._info.input)
        # Once, so that the first frame is as quick as the others, and to see that the file does as it says.
        found = self._scores([np.zeros(self.crop_shape, np.uint8)]).shape
        if found != (1, len(self._info.labels)):
            labels = len(self._info.labels)
            raise ModelFileError(f"{path}: gives {found[1]} scores for {labels} labels; export it again")

    def predict(self, crops: Sequence[Crop], boxes_xyxy: Sequence[Sequence[float]]) -> list[Clothing]:
        findings: list[Clothing] = []
        for box, scores in zip(boxes_xyxy, self._scores(crops), strict=True):
            best = int(scores.argmax())
            garment: Garment = {
                "label": self._info.labels[best],
                "score": round(float(scores[best]), 4),
                "region": self.region,
                "box": list(box),
            }
            findings.append(([garment], []))
        return findings

    def _scores(self, crops: Sequence[Crop]) -> NDArray[np.float64]:
        """Return N x labels: the model's probability of each label."""
        logits = self._engine.run({"images": to_batch(crops, self._info.input)})["logits"]
        scaled = logits.astype(np.float64) / self._info.temperature
        exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


class _StreetClassifier:
    """A set of labels per person, each above its own threshold."""

    region = "whole"
    shift = 0.0

    def __init__(self, path: Path, engine: str, threads: int, device: str, precision: str) -> None:
        onnx = path.with_suffix(".onnx")
        self._facts = read_facts(path)
        self._engine: Engine = open_engine(
            onnx,
            engine,
            threads,
            device,
            precision=precision,
            quality_by_precision=self._facts.quality_by_precision,
            is_alone_on_cpu=True,
        )
        self.precision = self._engine.precision
        self.digest = f"sha256:{file_digest(onnx)}"
        self.crop_shape = crop_shape(self._facts.look.input)
        # Once, so that the first frame is as quick as the others, and to see that the file does as it says.
        found = self._run([np.zeros(self.crop_shape, np.uint8)])["scores"].shape[1:]
        if found != (len(self._facts.labels),):
            raise ModelFileError(f"{onnx}: gives {found} scores, {path} has {len(self._facts.labels)} labels")

    def predict(self, crops: Sequence[Crop], boxes_xyxy: Sequence[Sequence[float]]) -> list[Clothing]:
        findings: list[Clothing] = []
        step = 1 if self._engine.device == "cpu" else GPU_PERSONS_A_PASS
        for first in range(0, len(crops), step):
            few = slice(first, first + step)
            findings += self._in_one_pass(crops[few], boxes_xyxy[few])
        return findings

    def _run(self, crops: Sequence[Crop]) -> dict[str, NDArray[Any]]:
        """Return "scores", N x labels, logits, and "maps", N x labels x h x w."""
        return self._engine.run({"images": to_batch(crops, self._facts.look.input)})

    def _in_one_pass(self, crops: Sequence[Crop], boxes_xyxy: Sequence[Sequence[float]]) -> list[Clothing]:
        results = self._run(crops)
        findings = []
        facts = shifted(self._facts, self.shift)
        looks = zip(crops, results["scores"], results["maps"], boxes_xyxy, strict=True)
        for crop, logits, maps, box in looks:
            found = labels_above_thresholds(logits, maps, box, facts)
            frame = widened(box, self._facts.look)
            for garment in (*found[0], *found[1]):
                label = facts.labels.index(garment["label"])
                parts = _parts(garment["box"], frame), _parts(box, frame)
                shares = color_shares(crop, maps[label], *parts, garment["region"])
                if (color := name_of(shares)) is not None:
                    garment["color"] = color
                garment["color_shares"] = shares
                garment["threshold"] = facts.thresholds[label]
                garment["box"] = _cut(garment["box"], box)
            findings.append(found)
        return findings


def has_thresholds(model: str) -> bool:
    """Return whether a model gives a set of labels, each above its own threshold."""
    return find_street_model(model) is not None


def _parts(box_xyxy: Sequence[float], frame_xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    """Return a box as fractions (0..1) of another one."""
    x0, y0, x1, y1 = frame_xyxy
    wide, high = x1 - x0, y1 - y0
    left, top, right, bottom = box_xyxy
    return (left - x0) / wide, (top - y0) / high, (right - x0) / wide, (bottom - y0) / high


def _cut(box_xyxy: Sequence[float], person_xyxy: Sequence[float]) -> list[float]:
    """Return the part of a garment's box inside the person's; all of it if there is none."""
    x0, y0, x1, y1 = box_xyxy
    left, top, right, bottom = person_xyxy
    cut = [max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)]
    return cut if cut[0] < cut[2] and cut[1] < cut[3] else list(box_xyxy)


def crop_shape(spec: InputSpec) -> tuple[int, ...]:
    """Return the shape of a crop that was cut for `spec`."""
    width, height = spec.size_wh
    return (height, width) if spec.channels == 1 else (height, width, spec.channels)
