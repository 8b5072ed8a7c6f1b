"""classify: which of the model's labels each person wears."""

from __future__ import annotations

import dataclasses

from fashion_pipeline.fashion.classifiers import (
    ENGINES,
    Classifier,
    Crop,
    check_classifier,
    crop_form,
    has_thresholds,
    open_classifier,
)
from fashion_pipeline.fashion.engine_choice import EngineError
from fashion_pipeline.fashion.findings import Person, findings_in, people_in
from fashion_pipeline.fashion.model_info import ModelFileError
from fashion_pipeline.fashion.precision import AUTO, PRECISIONS
from fashion_pipeline.stages.media.aspect import square_box, stored_box
from fashion_pipeline.stages.people.places import inside
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Stage


class Classify(Stage["Classify.Options"]):
    """Adds "garments" and "unsure" to each person, and removes the person's "crops".

    Both are lists of {"label", "score", "region", "box"}, highest score first: scores of 0..1 to four
    decimals, boxes inside the frame, in its pixels; `street` adds "color" and "threshold", the score at which
    a label counts as told. Unsure labels are possible, but below it. A person whom `track` has not selected
    in this frame gets empty lists.
    """

    takes = ("people/crops",)
    gives = ("people/garments",)
    default_batch = 32

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        model: str = prop("street", "The model: a name in models/ or a path.")
        engine: str = prop("auto", "The engine that runs the network.", choices=("auto", *ENGINES))
        precision: str = prop(
            "float32",
            "Precision of the network; auto: bfloat16 where the CPU has it and the model's file says "
            "that it is as accurate in it, else float32; on NVIDIA GPUs tfloat32 by the same rule. After a "
            "`track` there are too few looks for it to matter.",
            choices=(AUTO, *PRECISIONS),
        )
        shift: float = prop(
            0.0,
            "Added to every label's threshold, in logits: 1 gives fewer and surer labels, -1 more (street).",
            low=-8,
            high=8,
            while_running=True,
        )

    @classmethod
    def check(cls, options: Options) -> None:
        try:
            check_classifier(options.model, options.engine)
        except (EngineError, ModelFileError) as error:
            raise GraphError(str(error)) from None
        if options.shift and not has_thresholds(options.model):
            raise GraphError(
                f"model '{options.model}' gives one label per person, and has no threshold to shift"
            )

    @classmethod
    def forms(cls, options: Options) -> dict[str, str]:
        return {"people/crops": crop_form(options.model)}

    def open(self) -> None:
        options, context = self.options, self.context
        try:
            self._classifier: Classifier = open_classifier(
                options.model,
                options.engine,
                threads=context.threads,
                device=context.device,
                precision=options.precision,
            )
        except (EngineError, ModelFileError) as error:
            raise StageError(str(error)) from error

    def process(self, packet: Packet) -> Packet:
        return self.process_batch([packet])[0]

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        looks = [
            (packet, person)
            for packet in packets
            for person in people_in(packet.meta)
            if person.get("look", 1)
        ]
        people = [person for _packet, person in looks]
        boxes = [square_box(person["box"], packet.pixel_aspect_ratio) for packet, person in looks]
        self._classifier.shift = self.options.shift
        findings = self._classifier.predict(self._crops(people), boxes) if people else []
        for (packet, person), (garments, unsure) in zip(looks, findings, strict=True):
            for garment in (*garments, *unsure):
                garment["box"] = inside(stored_box(garment["box"], packet.pixel_aspect_ratio), packet.size_wh)
            person["garments"], person["unsure"] = garments, unsure
        for packet in packets:
            for person in people_in(packet.meta):
                person.setdefault("garments", [])
                person.setdefault("unsure", [])
                del person["crops"]
                if "look" not in person:
                    self._count(packet, person)
            packet.name_model(self.context.name, self._classifier.digest)
            precisions = findings_in(packet.meta).setdefault("precision", {})
            precisions[self.context.name] = self._classifier.precision
        return packets

    def _count(self, packet: Packet, person: Person) -> None:
        """Count in how many frames each label was told: without tracks people cannot be counted."""
        for group, worn in (("garments", person["garments"]), ("unsure", person["unsure"])):
            for garment in worn:
                packet.count(f"{group} by frame", garment["label"])

    def _crops(self, people: list[Person]) -> list[Crop]:
        """Return each person's crop. Raises StageError if they were cut for a model of another input."""
        region, shape = self._classifier.region, self._classifier.crop_shape
        crops = []
        for person in people:
            crop = person.get("crops", {}).get(region)
            if crop is None or crop.shape != shape:
                found = "none of it" if crop is None else f"one of {crop.shape}"
                problem = f"takes a crop of the '{region}' person of {shape}, but there is {found}"
                raise StageError(f"model {problem}; give crop and classify the same 'model'")
            crops.append(crop)
        return crops
