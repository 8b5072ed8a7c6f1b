"""detect: finds the people in each frame."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from fashion_pipeline.fashion.findings import findings_in
from fashion_pipeline.fashion.precision import AUTO, PRECISIONS
from fashion_pipeline.stages.detectors import (
    check_detector,
    confidences,
    default_confidence,
    engines,
    open_detector,
)
from fashion_pipeline.stages.detectors.detector import (
    CONFIDENCE,
    BoxesXyxy,
    Detector,
    DetectorSettings,
    Scores,
)
from fashion_pipeline.stages.detectors.heads import HEADS
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_picture, stored_box
from fashion_pipeline.stages.people.detection import is_due
from fashion_pipeline.stages.people.places import inside
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Stage

OWN_CONFIDENCES = ", ".join(
    f"{value} for {model}" for model, value in confidences().items() if value != CONFIDENCE
)


class Detect(Stage["Detect.Options"]):
    """Puts `people` into a packet: one dict for each person found, best first; an empty list if none is.

    A person has "box", [x0, y0, x1, y1] in pixels of the frame to a tenth, and "score" to four decimals. The
    network sees square pixels; the box is in stored pixels.

    With an `interval` of n it searches every n-th frame, and those that do not continue the frame before: a
    still image, a frame flagged DISCONT, the first one after a drop. The others pass with an empty list and
    "is_predicted" in their meta; a `track` has to fill in the people.
    """

    payload = BGR
    gives = ("people",)
    summed = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        model: str = prop(
            "nanodet",
            "The detector: nanodet, ssdlite; rtmdet_nano or another that `fashion-pipeline weights` gets; "
            "auto: the best of these that is present; or the path of an export, NAME.onnx or NAME.xml.",
        )
        weights: str = prop(
            "",
            "The weights file, for a detector with a separate one; empty: where `fashion-pipeline weights` "
            "puts it.",
        )
        confidence: float | None = prop(
            None,
            f"The lowest score that counts as a person; unset: {OWN_CONFIDENCES}, {CONFIDENCE} for others. "
            "ImageAI's networks (retinanet, yolov3, tiny-yolov3) give nothing below 0.5.",
            low=0.01,
            high=1,
            while_running=True,
        )
        nms: float = prop(
            0.5,
            "Of two boxes that overlap by more than this, only the better is kept.",
            low=0,
            high=1,
            while_running=True,
        )
        engine: str = prop("auto", "The engine that runs the network.", choices=("auto", *engines()))
        precision: str = prop(
            AUTO,
            "Precision of the network; auto: bfloat16 where the CPU has it and the model's file says "
            "that it finds as many people in it, else float32; on NVIDIA GPUs tfloat32 by the same rule.",
            choices=(AUTO, *PRECISIONS),
        )
        head: str = prop(
            "auto",
            "Layout of an ONNX export's outputs; auto: recognised from their shapes and names.",
            choices=("auto", *HEADS),
        )
        size: int = prop(
            0,
            "Side of the network's input in pixels (torchvision: the shorter one); 0: as in the file.",
            low=0,
            high=4096,
        )
        person_class: int = prop(
            -1, "Number of the network's class 'person'; -1: as in COCO.", low=-1, high=10_000
        )
        interval: int = prop(
            1,
            "Look for people in every n-th frame only; a `track` after it predicts where they are between.",
            low=1,
            high=1000,
        )
        max_people: int = prop(
            100, "Keep only this many people per frame, the best ones.", low=1, high=1000, while_running=True
        )
        min_height: float = prop(
            0.0, "Leave out people less high than this, in pixels.", low=0, while_running=True
        )

    @classmethod
    def check(cls, options: Options) -> None:
        try:
            check_detector(options.model, _settings(options))
        except ValueError as error:
            raise GraphError(str(error)) from None

    @classmethod
    def gives_in_some(cls, options: Options) -> dict[str, str]:
        return {"people": f"interval is {options.interval}"} if options.interval > 1 else {}

    def open(self) -> None:
        context = self.context
        settings = dataclasses.replace(
            _settings(self.options), threads=context.threads, device=context.device
        )
        try:
            self._detector: Detector = open_detector(self.options.model, settings)
        except ValueError as error:
            raise StageError(str(error)) from error
        if self.options.model == AUTO:
            self.log.info("model 'auto' is %s", self._detector.settings.model)

    def process(self, packet: Packet) -> Packet:
        return self.process_batch([packet])[0]

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        due = []
        for packet in packets:
            if is_due(packet, self.options.interval):
                due.append(packet)
            else:
                findings = findings_in(packet.meta)
                findings["people"] = []
                findings["is_predicted"] = True
        if due:
            self._look(due)
        return packets

    def _look(self, packets: list[Packet]) -> None:
        """Put the people found into these packets."""
        known, confidence = self._detector.settings, self.options.confidence
        self._detector.settings = dataclasses.replace(
            known,
            confidence=default_confidence(known.model) if confidence is None else confidence,
            iou=self.options.nms,
        )
        images_bgr = [square_picture(packet.image_bgr, packet.pixel_aspect_ratio) for packet in packets]
        for packet, found in zip(packets, self._detector.detect_batch(images_bgr), strict=True):
            self._note(packet, *found)

    def _note(self, packet: Packet, boxes_xyxy: BoxesXyxy, scores: Scores) -> None:
        ratio, image_bgr = packet.pixel_aspect_ratio, packet.image_bgr
        size_wh = image_bgr.shape[1], image_bgr.shape[0]
        is_tall = boxes_xyxy[:, 3] - boxes_xyxy[:, 1] >= self.options.min_height
        is_kept = np.flatnonzero(is_tall)[: self.options.max_people]
        findings = findings_in(packet.meta)
        findings["people"] = [
            {
                "box": [round(float(edge), 1) for edge in inside(stored_box(box, ratio), size_wh)],
                "score": round(float(score), 4),
            }
            for box, score in zip(boxes_xyxy[is_kept], scores[is_kept], strict=True)
        ]
        packet.name_model(self.context.name, f"sha256:{self._detector.digest}")
        findings.setdefault("precision", {})[self.context.name] = self._detector.precision


def _settings(options: Any) -> DetectorSettings:
    confidence = options.confidence
    return DetectorSettings(
        confidence=default_confidence(options.model) if confidence is None else confidence,
        iou=options.nms,
        model=options.model,
        weights=options.weights,
        head=options.head,
        size=options.size,
        person_class=options.person_class,
        engine=options.engine,
        precision=options.precision,
    )
