"""Track: who is who from frame to frame, and whom to look at."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.findings import Person, findings_in
from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.uri import is_image
from fashion_pipeline.stages.people.detection import DISCONTINUITY
from fashion_pipeline.stages.people.looks import Policy, Seen, choose, wants
from fashion_pipeline.stages.people.places import inside
from framegraph.packet import Image, Packet
from framegraph.properties import Seconds, prop
from framegraph.stage import Ordered

DEFAULT_RATE_HZ = 25.0
NS_PER_S = 1_000_000_000
LEAST_SIDE_PX = 1.0
"""Who is expected with less of them inside the picture is not in it."""


class Track(Ordered["Track.Options"]):
    """Gives each person "track", "series", "age_frames" and "look".

    "track" is a number that no other person of this source gets. "series" tells memories apart: it changes
    with a new segment (the next image, film round or connection), with a frame flagged DISCONT, and when this
    process was started again. "age_frames" counts frames since the person was first seen. "look" is the
    quality (0..1) of the view if crop and classify shall look at the person in this frame, else 0.

    A person less sure than `start-score` who continues no track is taken off the list, but for a still image,
    of which there is no second view to wait for; "untracked_people" in
    the packet's meta says how many were.

    Where `detect` has an `interval`, nobody looked for people in some frames. These get the people of the
    last frame that was looked at, moved on as the tracker expects: with the score they had there, "look" 0,
    and "detected_at_seq", that frame; who was found in the frame itself has no such key. Who is expected
    outside the picture is left out. Being expected begins, continues and ends no track.
    """

    payload = BGR
    takes = ("people",)
    completes = ("people",)
    gives = ("people/track", "people/series", "people/age_frames", "people/look", "untracked_people")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        start_score: float = prop(
            0.6,
            "from this score on a person begins a track, others only continue one; in a still image all do",
            low=0,
            high=1,
        )
        forget: Seconds = prop(2.0, "a track that is not seen for so long ends", low=0.04, high=60)
        looks: int = prop(4, "so many looks settle what a person wears", low=1, high=1_000_000)
        look_spacing: Seconds = prop(0.3, "the least time between two looks at a person", low=0, high=60)
        better: float = prop(
            1.5, "look at a settled person again when the view is so many times the best", low=1, high=100
        )
        reclassify_interval: Seconds = prop(
            10.0, "look at a settled person again after so long", low=0, high=86_400
        )
        camera_motion: bool = prop(
            True, "measure how the camera pans or shakes, and follow people as if it stood still"
        )
        max_looks: int = prop(
            4, "look at so many people of a frame at most; a still image shows all", low=1, high=1000
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
        # Loads the library now and not with the first frame.
        self._tracker = self._new_tracker(start_score=1.0, forget_s=1.0, rate_hz=DEFAULT_RATE_HZ)
        self._motion = self._new_motion()

    def process(self, packet: Packet) -> Packet:
        if packet.epoch != self._epoch or DISCONTINUITY in packet.flags:
            self._begin(packet)
        # Before anything changes here: pixels may be gone, and the frame then comes a second time.
        findings = findings_in(packet.meta)
        found = findings.setdefault("people", [])
        is_wanted = found or (self.options.camera_motion and self._tracker.alive)
        image_bgr = packet.image_bgr if is_wanted else None
        if findings.get("is_predicted"):
            people = self._expect(packet, image_bgr)
            findings["people"], findings["untracked_people"] = people, 0
            if people:
                packet.count("boxes", "predicted", len(people))
            return packet
        time_s = packet.running_ns / NS_PER_S
        people = self._follow(found, packet.seq, image_bgr, time_s)
        findings["people"], findings["untracked_people"] = people, len(found) - len(people)
        if image_bgr is not None:
            self._look(people, image_bgr, time_s)
        self._last_seq, self._last_people = packet.seq, people
        return packet

    def _expect(self, packet: Packet, image_bgr: Image | None) -> list[Person]:
        """Return those of the last frame that was looked at where they should be by now."""
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
            # No look: a crop of where somebody may be is no view of them.
            people.append(
                {**person, "box": box, "age_frames": age, "look": 0.0, "detected_at_seq": self._last_seq}
            )
        return people

    def _begin(self, packet: Packet) -> None:
        """Forget everybody: nobody of this segment is known to be somebody of the last."""
        self._motion = self._new_motion()
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
        """Return the people with numbers, without those who have none."""
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
        """Choose whom to look at."""
        wishes = []
        for person in people:
            seen = self._seen[person["track"]]
            quality = 0.0
            # To measure a view costs more than to see that it cannot be good enough.
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
