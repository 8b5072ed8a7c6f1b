"""Detect: find the people in each frame."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from runtime.errors import GraphError, StageError
from runtime.packet import Packet
from runtime.properties import prop
from runtime.stage import Stage
from stages.detectors import DETECTORS, Detector, Settings, check_detector, open_detector


class Detect(Stage):
    """Puts `people` into a packet: one dict for each person found, best first, an empty list for nobody.

    A person has "box", [x0, y0, x1, y1] in pixels of the frame to a tenth, and "score" to four decimals.
    """

    gives = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        model: str = prop("ssdlite", "the detector", choices=tuple(DETECTORS))
        confidence: float = prop(0.5, "the lowest score that counts as a person", low=0.01, high=1)
        nms: float = prop(0.6, "of two boxes that overlap more than this, the better stays", low=0, high=1)
        engine: str = prop("auto", "what runs the network", choices=("auto", "openvino", "onnxruntime"))
        max_people: int = prop(100, "keep the best so many of a frame", low=1, high=1000)
        min_height: float = prop(0.0, "leave out people lower than this, in pixels", low=0)

    @classmethod
    def check(cls, options: Any) -> None:
        try:
            check_detector(options.model, _settings(options))
        except ValueError as error:
            raise GraphError(str(error)) from None

    def open(self) -> None:
        context = self.context
        settings = dataclasses.replace(
            _settings(self.options), threads=context.threads, device=context.device
        )
        try:
            self._detector: Detector = open_detector(self.options.model, settings)
        except ValueError as error:
            raise StageError(str(error)) from error

    def process(self, packet: Packet) -> Packet:
        boxes_xyxy, scores = self._detector.detect(packet.image_bgr)
        is_tall = boxes_xyxy[:, 3] - boxes_xyxy[:, 1] >= self.options.min_height
        is_kept = np.flatnonzero(is_tall)[: self.options.max_people]
        packet.people = [
            {"box": [round(float(edge), 1) for edge in box], "score": round(float(score), 4)}
            for box, score in zip(boxes_xyxy[is_kept], scores[is_kept], strict=True)
        ]
        packet.name_model(self.context.name, f"sha256:{self._detector.digest}")
        return packet


def _settings(options: Any) -> Settings:
    return Settings(confidence=options.confidence, iou=options.nms, engine=options.engine)
