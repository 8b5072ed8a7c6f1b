"""Classify: say which of the ten garments each person wears."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from fashion.engines import Engine, EngineError, choose_engine, open_engine
from fashion.model_file import ModelFileError
from fashion.model_lookup import check_model
from fashion.preprocessing import InputSpec, to_batch
from runtime.errors import GraphError, StageError
from runtime.packet import Packet
from runtime.properties import prop
from runtime.stage import Stage

ENGINES = ("openvino", "onnxruntime", "torch")


class Classify(Stage):
    """Adds "garments" to each person, and takes the person's "crops" away.

    A garment has "label", one of the model's; "score", its softmax at the model's temperature, to four
    decimals; "region" and "box", the part of the person that was looked at. All persons of all packets of a
    batch go through the network in one pass.
    """

    takes = ("people/crops",)
    gives = ("people/garments",)
    default_batch = 32

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        model: str = prop("v2_da", "the model: a name in models/ or a path")
        engine: str = prop("auto", "what runs the network", choices=("auto", *ENGINES))

    @classmethod
    def check(cls, options: Any) -> None:
        try:
            engine = choose_engine(options.engine, ENGINES)
            check_model(options.model, needs_onnx=engine != "torch")
        except (EngineError, ModelFileError) as error:
            raise GraphError(str(error)) from None

    def open(self) -> None:
        options, context = self.options, self.context
        try:
            name = choose_engine(options.engine, ENGINES)
            path, self._info, digest = check_model(options.model, needs_onnx=name != "torch")
            self._engine: Engine = open_engine(
                path if name == "torch" else path.with_suffix(".onnx"),
                name,
                context.threads,
                context.device,
                ENGINES,
            )
        except (EngineError, ModelFileError) as error:
            raise StageError(str(error)) from error
        self._digest = f"sha256:{digest}"
        # Once, so that the first frame is as quick as the others, and to see that the file does as it says.
        found = self._scores([np.zeros(crop_shape(self._info.input), np.uint8)]).shape
        if found != (1, len(self._info.labels)):
            labels = len(self._info.labels)
            raise StageError(f"{path}: gives {found[1]} scores for {labels} labels; export it again")

    def process(self, packet: Packet) -> Packet:
        return self.process_batch([packet])[0]

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        region = self._info.input.region
        people = [person for packet in packets for person in packet.people]
        if people:
            for person, scores in zip(people, self._scores(self._crops(people, region)), strict=True):
                best = int(scores.argmax())
                label, score = self._info.labels[best], round(float(scores[best]), 4)
                box = list(person["box"])
                person["garments"] = [{"label": label, "score": score, "region": region, "box": box}]
                del person["crops"]
        for packet in packets:
            packet.name_model(self.context.name, self._digest)
        return packets

    def _crops(self, people: list[dict[str, Any]], region: str) -> list[npt.NDArray[np.uint8]]:
        """Return each person's crop. Raises StageError if they were cut for a model of another input."""
        shape = crop_shape(self._info.input)
        crops = [person.get("crops", {}).get(region) for person in people]
        for crop in crops:
            if crop is None or crop.shape != shape:
                found = "none of it" if crop is None else f"one of {crop.shape}"
                problem = f"takes a crop of the '{region}' person of {shape}, but there is {found}"
                raise StageError(f"model {problem}; give crop and classify the same 'model'")
        return crops

    def _scores(self, crops: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
        """Return N x labels: how likely the model holds each label to be."""
        logits = self._engine.run({"images": to_batch(crops, self._info.input)})["logits"]
        scaled = logits.astype(np.float64) / self._info.temperature
        exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def crop_shape(spec: InputSpec) -> tuple[int, ...]:
    """Return the shape of a crop that was cut for `spec`."""
    width, height = spec.size_wh
    return (height, width) if spec.channels == 1 else (height, width, spec.channels)
