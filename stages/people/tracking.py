"""Identities across frames: ByteTrack by position and appearance, with a number from the first sighting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from trackers import BaseIoU, IoU

from fashion_pipeline.stages.people.known import Boxes, Known, Looks, find_returned, heights_apart

NOBODY = -1
_BUFFER_RATE_HZ = 30.0
"""Unit of the library's `lost_track_buffer`, whatever the frame rate of the film."""
_LEAST_IOU = 0.1
"""A box that overlaps the predicted one this much may match, however far apart the centres are."""
_REACH, _SPEED_PER_S, _MOST_REACH = 0.25, 1.0, 2.0
"""Farthest match from the predicted place in body heights, plus this many per second since the last frame."""
_WEIGHT_OF_LOOKS, _NEVER = 4.0, -1000.0
_COAST_S = 2.0
"""How long a lost person's position is predicted; after that only appearance identifies them."""
_UNSURE_OF_SPEED = np.diag([1.0] * 4 + [100.0] * 4)
"""Makes the second sighting set the speed: at a few frames per second a walker has moved far by then."""


class _Likeness(BaseIoU):
    """Closeness in body heights minus the difference in appearance, replacing overlap in the assignment."""

    def __init__(self, tracker: PeopleTracker) -> None:
        self._tracker, self._overlap = tracker, IoU()

    def _compute(self, boxes_1: Boxes, boxes_2: Boxes) -> Boxes:
        reach = min(_MOST_REACH, _REACH + _SPEED_PER_S * self._tracker.elapsed_s)
        away = heights_apart(boxes_1, boxes_2)
        may_be = (away <= reach) | (self._overlap.compute(boxes_1, boxes_2) >= _LEAST_IOU)
        differ = self._tracker.looks_apart(len(boxes_1), boxes_2)
        return np.where(may_be, 1 - away / reach - _WEIGHT_OF_LOOKS * differ, _NEVER)


class PeopleTracker:
    """Follows the people of one source by Zhang et al., "ByteTrack" (ECCV 2022), from the package `trackers`.

    A score of at least `start_score` begins a track; a lower one only continues it. A person not seen for
    `forget_s` seconds is forgotten; one who comes back earlier and looks alike gets the same number again.
    `rate_hz` is the film's frame rate, the unit of the motion model; frames may still be missing or late.
    Numbers continue from `highest_number`. The same input gives the same numbers.
    """

    def __init__(
        self, *, start_score: float, forget_s: float, rate_hz: float, highest_number: int = 0
    ) -> None:
        from trackers import ByteTrackTracker

        self.highest_number = highest_number
        self.elapsed_s = 1 / rate_hz
        """Between the last two updates."""
        self._start_score, self._forget_s, self._rate_hz = start_score, forget_s, rate_hz
        self._coast_s, self._updated_s = min(forget_s, _COAST_S), 0.0
        self._people: dict[int, Known] = {}
        self._found: dict[bytes, Looks] = {}
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(self._coast_s * _BUFFER_RATE_HZ),
            frame_rate=rate_hz,
            track_activation_threshold=start_score,
            high_conf_det_threshold=start_score,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=_NEVER / 2,
            iou=_Likeness(self),
        )

    def update(
        self,
        boxes_xyxy: Boxes,
        scores: NDArray[np.float64],
        time_s: float,
        *,
        looks: Looks | None = None,
        is_sliver: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Return the number of each person (N), NOBODY if the score is too low to begin a track.

        boxes_xyxy: N x 4 in pixels. scores: N, 0..1. time_s: of the frame, on a clock that never goes back.
        looks: N x D from `stages.people.appearance`; without them only positions count. is_sliver: N, too
        little of the person is inside the picture to recognise them after a long absence.
        """
        import supervision as sv

        if self._people or self._tracker.tracks:
            self.elapsed_s = time_s - self._updated_s
        self._updated_s, boxes = time_s, boxes_xyxy.reshape(-1, 4).astype(np.float64)
        self._found = {}
        if looks is not None:
            self._found = {box.tobytes(): each for box, each in zip(boxes, looks, strict=True)}
        numbers = np.full(len(boxes), NOBODY, np.int64)
        # The library may answer in another order: class_id identifies the input.
        people = sv.Detections(
            xyxy=boxes, confidence=scores.astype(np.float64), class_id=np.arange(len(boxes))
        )
        answer = self._tracker.update(people, timestamp=time_s)
        if len(answer) and answer.tracker_id is not None:
            numbers[answer.class_id] = answer.tracker_id
        for place in np.flatnonzero(numbers != NOBODY):
            self._see(int(numbers[place]), boxes[place])
        # The library numbers a track at its second sighting, but a photo has only one. Its new tracks are in
        # the order of the people it could not match.
        begun = [track for track in self._tracker.tracks if track.tracker_id == NOBODY]
        placeless = np.flatnonzero((numbers == NOBODY) & (scores >= self._start_score))
        for track, place in zip(begun, placeless, strict=True):
            track.state_estimator.set_kf_covariances(state_covariance=_UNSURE_OF_SPEED.copy())
            number = self._number_of(boxes[place], is_sliver is not None and bool(is_sliver[place]))
            # A person who is back has one track, the new one.
            self._tracker.tracks = [each for each in self._tracker.tracks if each.tracker_id != number]
            track.tracker_id = numbers[place] = number
            self._see(number, boxes[place])
        self._forget()
        return numbers

    def looks_apart(self, count: int, found_xyxy: Boxes) -> Boxes | float:
        """Return how tracks not yet matched (`count`) and people found differ in appearance, 0..1."""
        tracks = [track for track in self._tracker.tracks if track.time_since_update > 0]
        if not self._found or len(tracks) != count:
            return 0.0
        found = np.array([self._found[box.tobytes()] for box in found_xyxy])
        known = [self._people[track.tracker_id].looks for track in tracks]
        apart = [np.zeros(len(found)) if looks is None else 1 - found @ looks for looks in known]
        return np.clip(np.array(apart, np.float64), 0, 1)

    def _see(self, number: int, box_xyxy: Boxes) -> None:
        person = self._people.setdefault(number, Known(box_xyxy, self._updated_s))
        person.see(box_xyxy, self._updated_s, self._found.get(box_xyxy.tobytes()))

    def _number_of(self, box_xyxy: Boxes, is_sliver: bool) -> int:
        """Return the number for a person whom the library could not match: a lost person's, or a new one."""
        looks = self._found.get(box_xyxy.tobytes())
        returned = find_returned(
            self._people, box_xyxy, looks, self._updated_s, long_s=_COAST_S, is_sliver=is_sliver
        )
        if returned is not None:
            return returned
        self.highest_number += 1
        return self.highest_number

    def _forget(self) -> None:
        tracked = {track.tracker_id for track in self._tracker.tracks}
        for number, person in list(self._people.items()):
            if number not in tracked and self._updated_s - person.seen_s > self._forget_s:
                del self._people[number]

    def can_predict(self, time_s: float) -> bool:
        """Return whether the last update is recent enough for predictions at `time_s`."""
        return time_s - self._updated_s <= self._coast_s

    def predict(self, time_s: float) -> dict[int, Boxes]:
        """Return the predicted boxes at `time_s` of the people last updated: {number: box, x0 y0 x1 y1}.

        The centre of a box keeps the speed of the tracker's Kalman filter; its size stays, because most of
        its changes are the detector's noise. Empty if the last update is so long ago that the tracks would
        have ended. Does not change the tracker.
        """
        boxes_xyxy: dict[int, Boxes] = {}
        if not self.can_predict(time_s):
            return boxes_xyxy
        for track in self._tracker.tracks:
            if track.time_since_update == 0:
                motion = track.state_estimator
                known, box_xyxy = motion.get_state(), motion.state_to_bbox().copy()
                motion.predict((time_s - self._updated_s) * self._rate_hz, self._rate_hz)
                step_xyxy = motion.state_to_bbox() - box_xyxy
                motion.set_state(known)
                boxes_xyxy[track.tracker_id] = box_xyxy + np.tile((step_xyxy[:2] + step_xyxy[2:]) / 2, 2)
        return boxes_xyxy

    @property
    def alive(self) -> set[int]:
        """Return the numbers of all people who may still come back."""
        return set(self._people)
