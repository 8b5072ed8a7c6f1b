"""settle: one answer for each person, from all looks at them."""

from __future__ import annotations

import dataclasses

from fashion_pipeline.fashion.findings import Person, findings_in, people_in
from fashion_pipeline.stages.media.uri import is_image
from fashion_pipeline.stages.people.evidence import Evidence
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Json, Ordered

PEOPLE = "distinct people, by track number"
"""In the summary: a person with two numbers counts twice (docs/people.md says how often that happens)."""
MAX_TRACKS = 500
"""People remembered; the one not seen for longest is forgotten first. Far more than are in one picture."""


class Settle(Ordered["Settle.Options"]):
    """Replaces "garments" and "unsure" by the joint answer of all looks at a person, in every frame.

    Adds "looks", their number; "settled", whether they are enough; and "classified_at_seq", the frame of the
    last one (absent before the first). Removes "look". Boxes move with the person. A label is added or
    removed only when the evidence is clear. Failed frames are not looks.
    """

    takes = ("people/track", "people/series", "people/garments")
    gives = ("people/looks", "people/settled")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        looks: int = prop(
            3, "Number of looks after which a person is settled; a still image has one.", low=1, high=100
        )

    def open(self) -> None:
        self._known: dict[int, Evidence] = {}
        self._counted: dict[int, set[tuple[str, str]]] = {}
        self._series: int | None = None

    def recall(self, answers: list[dict[str, Json]]) -> None:
        for answer in answers:
            people = findings_in(answer)["people"]
            self._forget_others(people)
            for person in people:
                if person["looks"]:
                    self._known[person["track"]] = Evidence.recalled(person)
                self._counted[person["track"]] = _countable(person)

    def process(self, packet: Packet) -> Packet:
        is_still = is_image(packet.uri)
        people = people_in(packet.meta)
        self._forget_others(people)
        for person in people:
            evidence = self._weigh(packet, person)
            person["looks"] = evidence.looks
            person["settled"] = evidence.looks >= (1 if is_still else self.options.looks)
            person["garments"], person["unsure"] = evidence.answer(person["box"], packet.size_wh)
            if evidence.looks:
                person["classified_at_seq"] = evidence.classified_at_seq
            self._count(packet, person)
        for number in list(self._known)[: max(0, len(self._known) - MAX_TRACKS)]:
            del self._known[number]
            self._counted.pop(number, None)
        return packet

    def _forget_others(self, people: list[Person]) -> None:
        """Forget people of earlier series, who cannot come back."""
        series = people[0]["series"] if people else self._series
        if series != self._series:
            self._series = series
            self._known.clear()
            self._counted.clear()

    def _weigh(self, packet: Packet, person: Person) -> Evidence:
        """Add this frame's look, if any, to what is known of a person."""
        number, quality = person["track"], person.pop("look")
        # Removed and added again, so that the person not seen for longest comes first.
        evidence = self._known.pop(number, None) or Evidence()
        self._known[number] = evidence
        if quality:
            evidence.add(
                person["garments"],
                person["unsure"],
                quality=quality,
                person_xyxy=person["box"],
                seq=packet.seq,
            )
        return evidence

    def _count(self, packet: Packet, person: Person) -> None:
        """Update the summary with what has changed about this person since the last frame."""
        now = _countable(person)
        before = self._counted.get(person["track"], set())
        for group, name in sorted(now - before):
            packet.count(group, name)
        for group, name in sorted(before - now):
            packet.count(group, name, -1)
        self._counted[person["track"]] = now


def _countable(person: Person) -> set[tuple[str, str]]:
    """Return what the summary counts for a person, as (group, name)."""
    found = {(PEOPLE, "classified" if person["looks"] else "never classified")}
    for group, worn in (("garments", person["garments"]), ("unsure", person["unsure"])):
        found |= {(f"{group}, by person", garment["label"]) for garment in worn}
    return found
