"""track: numbers people from frame to frame, and selects those to classify."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.findings import Person, findings_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.uri import is_image
from fashion_pipeline.stages.people.detection import DISCONTINUITY
from fashion_pipeline.stages.people.doubtful import Doubtful
from fashion_pipeline.stages.people.looks import Policy, Seen, choose, wants
from fashion_pipeline.stages.people.places import Box, inside
from framegraph.packet import Image, Packet
from framegraph.properties import Seconds, prop
from framegraph.stage import Ordered

DEFAULT_RATE_HZ = 25.0
NS_PER_S = 1_000_000_000
LEAST_SIDE_PX = 1.0
"""A predicted person with a smaller part inside the picture counts as outside."""
POSSIBLE_FRAMES = 250
"""The longest that somebody not seen any more is among the possible people."""


class Track(Ordered["Track.Options"]):
    """Gives each person "track", "series", "age_frames" and "look".

    "track" is a number that no other person of this source gets. "series" changes whenever the memory begins
    anew: with a new segment (the next image, loop or connection), with a frame flagged DISCONT, and when this
    process is restarted. "age_frames" counts frames since the person was first seen. "look" is the quality
    (0..1) of the view if crop and classify are to process the person in this frame, else 0.

    A person scored below `start-score` who continues no track is removed from the list, except in a still
    image, where no second view will come; "untracked_people" in the packet's meta counts them.

    Where `detect` has an `interval`, some frames were not searched. These get the people of the last frame
    that was, at the positions the tracker predicts: with the score they had there, "look" 0, and
    "detected_at_seq", that frame; people found in the frame itself have no such key. People predicted
    outside the picture are left out. A prediction never begins, continues or ends a track.

    "possible_people" are those who may be in the frame besides: found with too low a score, or in one of the
    last 250 frames and not since. They are for stages that must not overlook anybody, and in no record.
    """

    payload = BGR
    takes = ("people",)
    completes = ("people",)
    gives = ("people/track", "people/series", "people/age_frames", "people/look", "untracked_people")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        start_score: float = prop(
            0.6,
            "Lowest score that begins a track; a lower one only continues it, except in a still image.",
            low=0,
            high=1,
        )
        forget: Seconds = prop(
            2.0, "A track ends when its person has not been seen for this long.", low=0.04, high=60
        )
        looks: int = prop(4, "Number of looks that settle what a person wears.", low=1, high=1_000_000)
        look_spacing: Seconds = prop(0.3, "Least time between two looks at a person.", low=0, high=60)
        better: float = prop(
            1.5,
            "Classify a settled person again when the view is this many times as good as the best so far.",
            low=1,
            high=100,
        )
        reclassify_interval: Seconds = prop(
            10.0, "Classify a settled person again after this long.", low=0, high=86_400
        )
        camera_motion: bool = prop(
            True, "Measure how the camera pans or shakes, and follow people as if it stood still."
        )
        max_looks: int = prop(
            4, "Most people to classify in a frame; in a still image all are.", low=1, high=1000
        )

    def open(self) -> None:
        from fashion_pipeline.stages.people.appearance import appearances, slivers
        from fashion_pipeline.stages.people.camera_motion import CameraMotion
        from fashion_pipeline.stages.people.tracking import PeopleTracker
        from fashion_pipeline.stages.people.views import best_possible, view_quality

        self._new_tracker, self._new_motion = PeopleTracker, CameraMotion
        self._appearances, self._slivers = appearances, slivers
        self._best_possible, self._view_quality = best_possible, view_quality
        options = self.options
        self._policy = Policy(
            looks=options.looks,
            spacing_s=options.look_spacing,
            better=options.better,
            again_s=options.reclassify_interval,
            most=options.max_looks,
        )
        self._epoch: int | None = None
        self._series = 0
        self._seen: dict[int, Seen] = {}
        self._last_seq, self._last_people = -1, list[Person]()
        self._doubtful, self._recalled = Doubtful(), list[tuple[Box, int]]()
        # Loads the library now rather than with the first frame.
        self._tracker = self._new_tracker(start_score=1.0, forget_s=1.0, rate_hz=DEFAULT_RATE_HZ)
        self._motion = self._new_motion()

    def recall(self, answers: list[dict[str, Any]]) -> None:
        # The tracks are lost; where people were is not.
        last = findings_in(answers[-1]) if answers else findings_in({})
        self._recalled = [(person["box"], 0) for person in last.get("people", [])]
        self._recalled += [(each["box"], each["unseen_frames"]) for each in last.get("possible_people", [])]

    def process(self, packet: Packet) -> Packet:
        if packet.epoch != self._epoch or DISCONTINUITY in packet.flags:
            self._begin(packet)
        # Before any state changes: if the pixels are gone, the frame is sent again.
        findings = findings_in(packet.meta)
        found = findings.setdefault("people", [])
        is_wanted = found or (self.options.camera_motion and self._tracker.alive)
        image_bgr = packet.image_bgr if is_wanted else None
        if findings.get("is_predicted"):
            people = self._expect(packet, image_bgr)
            findings["people"], findings["untracked_people"] = people, 0
            if self._last_seq < 0 or not self._tracker.can_predict(packet.running_ns / NS_PER_S):
                findings["is_unknown"] = True
            self._name_possible(packet, people)
            if people:
                packet.count("boxes", "predicted", len(people))
            return packet
        time_s = packet.running_ns / NS_PER_S
        people = self._follow(found, packet.seq, image_bgr, time_s)
        findings["people"], findings["untracked_people"] = people, len(found) - len(people)
        listed = {tuple(person["box"]) for person in people}
        others = [person for person in found if tuple(person["box"]) not in listed]
        self._doubtful.see(people, others, packet.seq)
        self._name_possible(packet, people)
        if image_bgr is not None:
            self._look(people, image_bgr, time_s)
        self._last_seq, self._last_people = packet.seq, people
        return packet

    def _name_possible(self, packet: Packet, people: list[Person]) -> None:
        possible = self._doubtful.possible(people, packet.seq, packet.size_wh, most_frames=POSSIBLE_FRAMES)
        if possible:
            findings_in(packet.meta)["possible_people"] = possible

    def _expect(self, packet: Packet, image_bgr: Image | None) -> list[Person]:
        """Return the people of the last searched frame at their predicted positions."""
        boxes_xyxy = self._tracker.predict(packet.running_ns / NS_PER_S)
        ground_xyxy = np.array(list(boxes_xyxy.values())).reshape(-1, 4)
        shift_xyxy = self._shift_xyxy(image_bgr, ground_xyxy + np.tile(self._motion.shift_xy, 2))
        boxes_xyxy = {number: box_xyxy + shift_xyxy for number, box_xyxy in boxes_xyxy.items()}
        people: list[Person] = []
        for person in self._last_people:
            number = person["track"]
            if number not in boxes_xyxy:
                continue
            box = inside([round(edge, 1) for edge in boxes_xyxy[number].tolist()], packet.size_wh)
            if min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE_PX:
                continue
            age = packet.seq - self._seen[number].first_seq
            # Not classified: a crop of a predicted box may not show the person.
            people.append(
                {**person, "box": box, "age_frames": age, "look": 0.0, "detected_at_seq": self._last_seq}
            )
        return people

    def _begin(self, packet: Packet) -> None:
        """Forget everybody: people cannot be matched across segments."""
        self._motion = self._new_motion()
        if packet.epoch != self._epoch:
            # Frames dropped in between move nobody far; another segment shows other people.
            self._doubtful, self._last_seq = Doubtful(), -1
            if self._epoch is None:
                self._doubtful.recall(self._recalled, packet.seq)
        self._epoch, self._series, self._seen = packet.epoch, self.highest_id, {}
        self._is_still = is_image(packet.uri)
        self._tracker = self._new_tracker(
            start_score=0.0 if self._is_still else self.options.start_score,
            forget_s=self.options.forget,
            rate_hz=NS_PER_S / packet.duration_ns if packet.duration_ns else DEFAULT_RATE_HZ,
            highest_number=self.highest_id,
        )

    def _shift_xyxy(self, image_bgr: Image | None, people_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the camera has moved all boxes since the series began."""
        if image_bgr is not None and self.options.camera_motion and not self._is_still:
            self._motion.see(image_bgr, people_xyxy)
        return np.tile(self._motion.shift_xy, 2)

    def _follow(self, found: list[Person], seq: int, image_bgr: Image | None, time_s: float) -> list[Person]:
        """Return the people who have a track, with its number."""
        boxes_xyxy = np.array([person["box"] for person in found], np.float64).reshape(-1, 4)
        scores = np.array([person["score"] for person in found], np.float64)
        looks = is_sliver = None
        if image_bgr is not None and not self._is_still:
            looks = self._appearances(image_bgr, boxes_xyxy)
            is_sliver = self._slivers(boxes_xyxy, image_bgr.shape[1])
        ground_xyxy = boxes_xyxy - self._shift_xyxy(image_bgr, boxes_xyxy)
        numbers = self._tracker.update(ground_xyxy, scores, time_s, looks=looks, is_sliver=is_sliver).tolist()
        self.highest_id = self._tracker.highest_number
        people: list[Person] = [
            {**person, "track": number, "series": self._series}
            for person, number in zip(found, numbers, strict=True)
            if number > 0
        ]
        for person in people:
            seen = self._seen.setdefault(person["track"], Seen(seq))
            person["age_frames"] = seq - seen.first_seq
        alive = self._tracker.alive
        self._seen = {number: seen for number, seen in self._seen.items() if number in alive}
        return people

    def _look(self, people: list[Person], image_bgr: Image, time_s: float) -> None:
        """Select the people to classify."""
        wishes = []
        for person in people:
            seen = self._seen[person["track"]]
            quality = 0.0
            # Measuring a view costs more than ruling it out by its size and place.
            if wants(seen, self._best_possible(image_bgr, person["box"]), self._policy, time_s):
                others = [other["box"] for other in people if other is not person]
                quality = self._view_quality(image_bgr, person["box"], others)
            wishes.append((seen, quality))
        policy = self._policy
        if self._is_still:
            policy = dataclasses.replace(policy, most=len(wishes))
        chosen = set(choose(wishes, policy, time_s))
        for place, (person, (seen, quality)) in enumerate(zip(people, wishes, strict=True)):
            person["look"] = quality if place in chosen else 0.0
            if place in chosen:
                seen.looked(quality, time_s)
