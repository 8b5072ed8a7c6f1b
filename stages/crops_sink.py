"""crops_sink: a folder of person crops by label, for inspection and for collecting training data."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from fashion_pipeline.fashion.findings import Person, people_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_picture
from fashion_pipeline.stages.privacy.require import KeepsPictures, require_prop
from framegraph.packet import OK, Image, Packet
from framegraph.properties import REQUIRED, prop
from framegraph.stage import Sink
from framegraph.support.whole_files import write_whole

NO_LABEL = "person"
"""The folder of people without a named garment."""


class CropsSink(KeepsPictures, Sink["CropsSink.Options"]):
    """Write each person as LOCATION/LABEL/SOURCE-SEQ-N.jpg: N counts from 0 in the frame.

    The label is that of the person's first garment. A frame that is resent gives the same names, so nothing
    is there twice; each file is either complete or absent. Frames that were not analysed have no people, and
    predicted boxes (`interval` of detect) may show nobody: neither is written.
    Files of earlier runs stay in the folder.
    """

    payload = BGR
    takes = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The folder; {source} in it stands for the name of the source.")
        every: int = prop(
            1, "Write the people of every n-th frame.", low=1, high=1_000_000, while_running=True
        )
        min_height: float = prop(
            0.0, "Leave out people less high than this, in pixels.", low=0, while_running=True
        )
        min_score: float = prop(
            0.0, "Leave out people with a lower score.", low=0, high=1, while_running=True
        )
        margin: float = prop(0.0, "Widen each box by this fraction of its sides.", low=0, high=1)
        quality: int = prop(92, "Quality of the JPEG files.", low=1, high=100)
        require: str = require_prop()

    def open(self) -> None:
        self._folder = Path(self.options.location.replace("{source}", self.context.source))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._written = 0

    def process(self, packet: Packet) -> Packet:
        if packet.status != OK or packet.seq % self.options.every:
            return packet
        for number, person in enumerate(people_in(packet.meta)):
            if "detected_at_seq" in person:
                continue
            height_px = person["box"][3] - person["box"][1]
            if height_px < self.options.min_height or person["score"] < self.options.min_score:
                continue
            crop_bgr = cut_box(packet.image_bgr, person["box"], self.options.margin)
            if crop_bgr.size:
                crop_bgr = square_picture(crop_bgr, packet.pixel_aspect_ratio)
                folder = self._folder / label_folder(person)
                self._write(crop_bgr, folder, f"{packet.source}-{packet.seq:08d}-{number}.jpg")
        return packet

    def _write(self, crop_bgr: Image, folder: Path, name: str) -> None:
        import cv2

        _is_coded, coded = cv2.imencode(".jpg", crop_bgr, [cv2.IMWRITE_JPEG_QUALITY, self.options.quality])
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, coded.tobytes())
        self._written += 1

    def remarks(self) -> list[str]:
        return [f"{self._written} crops in {self._folder}"]


def label_folder(person: Person) -> str:
    """Return the name of a person's folder: the label, with hyphens for unsuitable characters."""
    garments = person.get("garments", [])
    label = str(garments[0]["label"]) if garments else NO_LABEL
    return re.sub(r"[^\w -]+", "-", label).strip(" -") or NO_LABEL


def cut_box(image_bgr: Image, box_xyxy: list[float], margin: float) -> Image:
    """Return a view of a picture inside a box widened by `margin` of its sides; it may be empty."""
    height, width = image_bgr.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    wide, high = margin * (x1 - x0), margin * (y1 - y0)
    left, right = max(0, round(x0 - wide)), min(width, round(x1 + wide))
    top, bottom = max(0, round(y0 - high)), min(height, round(y1 + high))
    return image_bgr[top : max(top, bottom), left : max(left, right)]
