"""Who is who from frame to frame: ByteTrack, with a number for everybody from the first sight on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
_BUFFER_RATE_HZ = 30.0
"""What the library's `lost_track_buffer` counts in, whatever the rate of the film."""
_LEAST_IOU = 0.1
"""A walker at 10 frames a second, seen from above, overlaps the predicted box little in a turn."""


class PeopleTracker:
    """Follows the people of one source by Zhang et al., "ByteTrack" (ECCV 2022), from the package `trackers`.

    A person at least as sure as `start_score` begins a track; one less sure only continues one. A track
    that is not seen for `forget_s` seconds ends. `rate_hz` is the film's frame rate, the unit of the motion
    model; frames may be missing or late all the same. Numbers go on from `highest_number`. The same input
    gives the same numbers.
    """

    def __init__(
        self, *, start_score: float, forget_s: float, rate_hz: float, highest_number: int = 0
    ) -> None:
        from trackers import ByteTrackTracker

        self.highest_number = highest_number
        self._start_score = start_score
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(forget_s * _BUFFER_RATE_HZ),
            frame_rate=rate_hz,
            track_activation_threshold=start_score,
            high_conf_det_threshold=start_score,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=_LEAST_IOU,
        )

    def update(
        self, boxes_xyxy: NDArray[np.float64], scores: NDArray[np.float64], time_s: float
    ) -> NDArray[np.int64]:
        """Return the number of each person (N), NOBODY for one who is too unsure to begin a track.

        boxes_xyxy: N x 4 in pixels. scores: N, 0..1. time_s: of the frame, on a clock that never goes back.
        """
        import supervision as sv

        numbers = np.full(len(boxes_xyxy), NOBODY, np.int64)
        people = sv.Detections(
            xyxy=boxes_xyxy.reshape(-1, 4).astype(np.float64),
            confidence=scores.astype(np.float64),
            # The library may answer in another order: this says who is who.
            class_id=np.arange(len(boxes_xyxy)),
        )
        answer = self._tracker.update(people, timestamp=time_s)
        if len(answer):
            numbers[answer.class_id] = answer.tracker_id
        # The library numbers a track at its second sight, but a photo has one only. Its new tracks are in
        # the order of those whom it could not place.
        begun = [track for track in self._tracker.tracks if track.tracker_id == NOBODY]
        placeless = np.flatnonzero((numbers == NOBODY) & (scores >= self._start_score))
        for track, person in zip(begun, placeless, strict=True):
            self.highest_number += 1
            track.tracker_id = self.highest_number
            numbers[person] = self.highest_number
        return numbers

    @property
    def alive(self) -> set[int]:
        """The numbers of all who may still come back."""
        return {track.tracker_id for track in self._tracker.tracks}
