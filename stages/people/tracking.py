"""Who is who from frame to frame: ByteTrack, with a number for everybody from the first sight on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
_BUFFER_RATE_HZ = 30.0
"""What the library's `lost_track_buffer` counts in, whatever the rate of the film."""
_LEAST_IOU = 0.1
"""A walker at 10 frames a second, seen from above, overlaps the predicted box little in a turn."""
_LEAST_NEARNESS = -0.2
"""After frames without detection a walker may stand beside the predicted box. Nearness is the distance-IoU of
Zheng et al., "Distance-IoU Loss" (AAAI 2020): the overlap, less what the centres are apart."""


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
        from trackers.utils.iou import DIoU, IoU

        self._overlap, self._nearness = IoU(), DIoU()
        self.highest_number = highest_number
        self._start_score = start_score
        self._forget_s, self._rate_hz = forget_s, rate_hz
        self._updated_s = 0.0
        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(forget_s * _BUFFER_RATE_HZ),
            frame_rate=rate_hz,
            track_activation_threshold=start_score,
            high_conf_det_threshold=start_score,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=_LEAST_IOU,
        )

    def update(
        self,
        boxes_xyxy: NDArray[np.float64],
        scores: NDArray[np.float64],
        time_s: float,
        *,
        is_after_gap: bool = False,
    ) -> NDArray[np.int64]:
        """Return the number of each person (N), NOBODY for one who is too unsure to begin a track.

        boxes_xyxy: N x 4 in pixels. scores: N, 0..1. time_s: of the frame, on a clock that never goes back.
        is_after_gap: nobody looked for people in the frame before, so that who is near is who was expected.
        """
        import supervision as sv

        self._updated_s = time_s
        self._tracker.iou = self._nearness if is_after_gap else self._overlap
        self._tracker.minimum_iou_threshold = _LEAST_NEARNESS if is_after_gap else _LEAST_IOU
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

    def predict(self, time_s: float) -> dict[int, NDArray[np.float64]]:
        """Return where those who were in the last update should be at `time_s`: {number: box, x0 y0 x1 y1}.

        The middle of a box goes on as fast as the tracker's Kalman filter has seen it move; its size stays,
        for most of what it changes by is the detector's noise. Nobody, where the last update is so long ago
        that their tracks would have ended. Changes nothing here.
        """
        boxes_xyxy: dict[int, NDArray[np.float64]] = {}
        if time_s - self._updated_s > self._forget_s:
            return boxes_xyxy
        for track in self._tracker.tracks:
            if track.time_since_update == 0:
                motion = track.state_estimator
                known, box_xyxy = motion.get_state(), motion.state_to_bbox().copy()
                motion.predict((time_s - self._updated_s) * self._rate_hz, self._rate_hz)
                step_xyxy = motion.state_to_bbox() - box_xyxy
                motion.set_state(known)
                step_xy = (step_xyxy[:2] + step_xyxy[2:]) / 2
                boxes_xyxy[track.tracker_id] = box_xyxy + np.tile(step_xy, 2)
        return boxes_xyxy

    @property
    def alive(self) -> set[int]:
        """The numbers of all who may still come back."""
        return {track.tracker_id for track in self._tracker.tracks}
