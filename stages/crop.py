"""crop: cuts each person out of the frame, in the form that a classifier takes."""

from __future__ import annotations

import dataclasses

from fashion_pipeline.fashion.classifiers import Cutter, crop_form, open_cutter
from fashion_pipeline.fashion.findings import findings_in
from fashion_pipeline.fashion.model_info import ModelFileError
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_box, square_picture
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Stage


class Crop(Stage["Crop.Options"]):
    """Adds "crops" to each person: {region: uint8 H x W, or H x W x 3 RGB}, as the model's file asks for.

    A box is clipped to the frame. A person entirely outside the frame is removed from the list, and
    `dropped_boxes` in the packet's meta counts them. A person whom `track` has not selected in this frame
    ("look" is 0) gets an empty map.
    """

    payload = BGR
    takes = ("people",)
    gives = ("people/crops", "dropped_boxes")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        model: str = prop("street", "The model to crop for: a name in models/ or a path.")

    @classmethod
    def check(cls, options: Options) -> None:
        try:
            open_cutter(options.model)
        except ModelFileError as error:
            raise GraphError(str(error)) from None

    @classmethod
    def forms(cls, options: Options) -> dict[str, str]:
        return {"people/crops": crop_form(options.model)}

    def open(self) -> None:
        try:
            self._cutter: Cutter = open_cutter(self.options.model)
        except ModelFileError as error:
            raise StageError(str(error)) from error

    def process(self, packet: Packet) -> Packet:
        findings = findings_in(packet.meta)
        people = findings.get("people", [])
        wanted = any(person.get("look", 1) for person in people)
        ratio = packet.pixel_aspect_ratio
        image_bgr = square_picture(packet.image_bgr, ratio) if wanted else None
        inside = []
        for person in people:
            if not person.get("look", 1):
                person["crops"] = {}
                inside.append(person)
                continue
            crop = (
                None if image_bgr is None else self._cutter.cut(image_bgr, square_box(person["box"], ratio))
            )
            if crop is not None:
                person["crops"] = {self._cutter.region: crop}
                inside.append(person)
        findings["people"] = inside
        findings["dropped_boxes"] = len(people) - len(inside)
        return packet
