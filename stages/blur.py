"""blur: makes the people in the picture unrecognisable."""

from __future__ import annotations

import dataclasses

from fashion_pipeline.fashion.findings import findings_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_box, square_scale, stored_box
from fashion_pipeline.stages.privacy import BLURRED
from fashion_pipeline.stages.privacy.regions import Region, head_of, widened
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Stage

HEADS, PEOPLE = "heads", "people"


class Blur(Stage["Blur.Options"]):
    """Cover heads, or whole people, with a few colours; sinks behind it get the covered picture.

    It belongs behind the stages that look at pixels (crop) and before the sinks that write pictures. Covered
    are `people` and, if a `track` is in the graph, its `possible_people`: those found with a score too low
    for a track, and for `hold` frames those who were lost. A frame of which nobody knows who is in it is
    covered whole. Whoever the detector does not find stays visible: docs/privacy.md says how many, and what
    margin and a lower confidence bring.
    """

    payload = BGR
    takes = ("people",)
    marks = (BLURRED,)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        what: str = prop(
            HEADS,
            "What to cover. heads: the upper part of each person's box, or all of it when the person lies or "
            "is near; people: the whole box.",
            choices=(HEADS, PEOPLE),
        )
        margin: float = prop(
            0.2, "Widen each region by this fraction of its sides, on every side.", low=0, high=2
        )
        method: str = prop(
            "mosaic",
            "How to cover it. mosaic: a few mean colours, flowing into each other; fill: a grey rectangle, "
            "of which nothing can be read, not even from many frames together.",
            choices=("mosaic", "fill"),
        )
        cells: int = prop(
            4, "Colours a side of a region in the mosaic, each the mean of 64 pixels or more.", low=1, high=6
        )
        hold: int = prop(
            12,
            "Go on covering where somebody may be for this many frames after they were last found; needs a "
            "track. With an `interval` of detect at least that.",
            low=0,
            high=250,
        )

    @classmethod
    def check(cls, options: Options) -> None:
        if options.method == "fill" and options.cells != 4:
            raise GraphError("cells counts the colours of method: mosaic, but method is fill; remove cells")

    def open(self) -> None:
        from fashion_pipeline.stages.privacy.cover import covered, covered_whole

        self._covered, self._covered_whole = covered, covered_whole
        self._cells = self.options.cells if self.options.method == "mosaic" else 0

    def process(self, packet: Packet) -> Packet:
        findings = findings_in(packet.meta)
        if findings.get("is_unknown") or "people" not in findings:
            packet.image_bgr = self._covered_whole(packet.image_bgr)
            packet.count(BLURRED, "whole frames")
        else:
            boxes = [person["box"] for person in findings["people"]]
            boxes += [
                each["box"]
                for each in findings.get("possible_people", [])
                if each["unseen_frames"] <= self.options.hold
            ]
            regions = [region for box in boxes if (region := self._region(packet, box)) is not None]
            if regions:
                packet.image_bgr = self._covered(packet.image_bgr, regions, self._cells)
                packet.count(BLURRED, self.options.what, len(regions))
        packet.mark(BLURRED)
        return packet

    def _region(self, packet: Packet, box_xyxy: list[float]) -> Region | None:
        ratio, (width, height) = packet.pixel_aspect_ratio, packet.size_wh
        if self.options.what == HEADS:
            scale_x, scale_y = square_scale(ratio)
            square_wh = width * scale_x, height * scale_y
            box_xyxy = list(stored_box(head_of(square_box(box_xyxy, ratio), square_wh), ratio))
        return widened(box_xyxy, self.options.margin, (width, height))
