"""A record as a Python program gets it: a line of results.jsonl as a map, and what can be made of it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from supervision import Detections


class Record(dict[str, Any]):
    """A frame or a range of dropped frames: equal to its line in results.jsonl, whose fields are in
    docs/records.md.

    A frame has "seq"; a range has "from_seq" and "to_seq". A frame that was not analysed has a status other
    than "ok" and no "people".
    """

    image_bgr: "NDArray[np.uint8] | None" = None
    """The frame's picture, uint8 H x W x 3, with `pictures=True`; else None."""

    @property
    def is_range(self) -> bool:
        """Whether it stands for dropped frames."""
        return "seq" not in self

    def show(self) -> "Image":
        """Return the frame with everybody's box and plate on it, as a picture that a notebook displays.

        ValueError without a picture: `fashion_pipeline.run(…, pictures=True)` brings it.
        """
        from PIL import Image

        from fashion_pipeline.stages.drawing.fitting import drawn_frame
        from fashion_pipeline.stages.media.aspect import square_view
        from framegraph.packet import Packet

        if self.image_bgr is None:
            remedy = "dropped frames have none" if self.is_range else "run with pictures=True to get it"
            raise ValueError(f"{self.place}: no picture came with this record; {remedy}")
        ratio = self.get("pixel_aspect_ratio", (1, 1))
        packet = Packet(
            source=self["source"],
            seq=self["seq"],
            meta={"people": self.get("people", [])},
            pixels=self.image_bgr,
            pixel_aspect_ratio=(ratio[0], ratio[1]),
        )
        image_bgr, people = square_view(packet)
        height, width = image_bgr.shape[:2]
        size_wh = width, height
        drawn_bgr = drawn_frame(image_bgr, people, self["status"], people_wh=size_wh, size_wh=size_wh)
        return Image.fromarray(drawn_bgr[..., ::-1].copy())

    def to_supervision(self) -> "Detections":
        """Return the people as supervision's Detections: class 0 is "person"; `data["garments"]` has the list
        of each one's garments. Without `track` in the graph there is no tracker_id.

        ValueError for frames that were not analysed: nobody knows who was there.
        """
        import numpy as np
        from supervision import Detections

        if "people" not in self:
            raise ValueError(f"{self.place}: not analysed ({self['status']}), so it has no detections")
        people = self["people"]
        garments = np.empty(len(people), object)
        for place, person in enumerate(people):
            garments[place] = person.get("garments", [])
        has_tracks = bool(people) and all("track" in person for person in people)
        return Detections(
            xyxy=np.array([person["box"] for person in people], np.float32).reshape(-1, 4),
            confidence=np.array([person["score"] for person in people], np.float32),
            class_id=np.zeros(len(people), int),
            tracker_id=np.array([person["track"] for person in people], int) if has_tracks else None,
            data={"class_name": np.array(["person"] * len(people)), "garments": garments},
        )

    @property
    def place(self) -> str:
        """Its frames, in words."""
        frames = f"frames {self['from_seq']} to {self['to_seq']}" if self.is_range else f"frame {self['seq']}"
        return f"{frames} of {self['source']}"
