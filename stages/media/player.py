"""Playback of a reel: which shots become frames, and with which running time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeVar

from fashion_pipeline.stages.media.skipping import find_gap
from fashion_pipeline.stages.media.timing import NS_PER_S, Mark, Reel, ReelPlace, Shot, Window
from fashion_pipeline.stages.media.uri import is_image
from framegraph.errors import StageError
from framegraph.stage import Frame, Resume
from framegraph.wire.codec import excess

ShotT = TypeVar("ShotT", Shot, Mark)


HEAD_START_NS = NS_PER_S // 4
"""Pictures that begin this much after the sound do so on purpose; less is due to interleaving."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extent:
    """The part of a reel to play; times in seconds from its beginning."""

    start_s: float | None = None
    duration_s: float | None = None
    max_fps: float | None = None
    loop: bool = False


class ReelPlayer:
    """Turns the shots of a film or of images into frames, from the beginning or after those of an earlier
    process.

    `shown` names the input in errors; `on_broken` receives why a unit gave no picture, `on_thinned` is called
    for each shot above `max_fps`. Units before the position of an earlier process are not reported again.
    """

    def __init__(
        self,
        reel: Reel,
        extent: Extent,
        *,
        shown: str,
        on_broken: Callable[[str], None],
        on_thinned: Callable[[], None],
    ) -> None:
        self._reel = reel
        self._extent = extent
        self._shown = shown
        self._on_broken = on_broken
        self._on_thinned = on_thinned
        self._is_catching_up = False
        self._broken_on_the_way = 0

    @property
    def length(self) -> int | None:
        """Return how many frames there will be; None if that is unknown, or there is no end."""
        reel, extent = self._reel, self._extent
        if reel.shot_count is None or extent.loop:
            return None
        length_ns = max(0, reel.shot_count * reel.shot_ns - _ns(extent.start_s or 0))
        if extent.duration_s is not None:
            length_ns = min(length_ns, _ns(extent.duration_s))
        fps = NS_PER_S / reel.shot_ns
        if extent.max_fps is not None:
            fps = min(fps, extent.max_fps)
        return round(length_ns * fps / NS_PER_S)

    def broken(self, reason: str) -> None:
        """Report that a unit of the reel gives no picture."""
        if self._is_catching_up:
            self._broken_on_the_way += 1
        else:
            self._on_broken(reason)

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        """Yield the frames of all rounds; running time goes on from round to round."""
        reel = self._reel
        first_ns, offset_ns = self._origin()
        round_, end_ns, after_ns, begin_ns, is_empty = 0, 0, None, None, True
        epoch_before = None if resume is None else resume.epoch
        start = place = None if self._extent.start_s is None else ReelPlace(pts_ns=first_ns)
        if resume is not None:
            round_ = resume.epoch // reel.segment_count
            offset_ns, begin_ns = resume.running_ns - resume.pts_ns, resume.begin_ns
            if resume.has_left_out:
                place, is_empty, end_ns = None, False, resume.running_ns + reel.shot_ns
            else:
                place, after_ns = self._place(first_ns, resume), resume.pts_ns
        while True:
            source = self._shots_from(place, begin_ns, is_exact=after_ns is not None)
            for shot in self._within(source, first_ns, after_ns):
                if after_ns == shot.pts_ns:
                    # The frame captured last, decoded again: only its end is needed.
                    end_ns, is_empty = shot.pts_ns + offset_ns + shot.duration_ns, False
                    continue
                lead_ns = shot.pts_ns + offset_ns
                is_begin = is_empty and self._extent.start_s is None and lead_ns <= HEAD_START_NS
                if is_empty and (round_ > 0 or is_begin):
                    offset_ns = end_ns - shot.pts_ns
                epoch = round_ * reel.segment_count + shot.segment
                frame = self._frame(shot, offset_ns, epoch, is_break=epoch_before not in (None, epoch))
                if frame is not None:
                    epoch_before = epoch
                    yield frame
                    is_empty, end_ns = False, frame.running_ns + shot.duration_ns
            if not self._extent.loop or is_empty:
                return
            round_, after_ns, place, begin_ns, is_empty = round_ + 1, None, start, None, True

    def leave_out(self, resume: Resume | None) -> Resume | None:
        """Continue at the next key frame, or with the next image.

        None for a film whose time stamps need repair: it has no place to continue from.
        """
        reel, marks = self._reel, self._reel.marks()
        if marks is None:
            return None
        first_ns, offset_ns = self._origin()
        before_ns = None if self._extent.start_s is None else first_ns - 1
        found = find_gap(marks, reel, resume, before_ns, offset_ns, loop=self._extent.loop)
        if found is None:
            return None
        gap, last = found
        count = sum(1 for _mark in self._within(iter(gap.shots), first_ns, None))
        return dataclasses.replace(last, captured=last.captured + count)

    def _origin(self) -> tuple[int, int]:
        """Return the time stamp where the playing begins, and what is added to make running time of it."""
        first_ns = self._reel.start_ns + _ns(self._extent.start_s or 0)
        return first_ns, -first_ns if self._extent.start_s is not None else -self._reel.origin_ns

    def _shots_from(self, place: ReelPlace | None, begin_ns: int | None, *, is_exact: bool) -> Iterator[Shot]:
        """Yield the shots of one round: all, or those from a place on, of which with `is_exact` the first has
        the very time stamp.

        Begins in the middle of the input where that is sure to give the same, else at its start, or at
        `begin_ns`.
        Raises StageError if the very shot is not there: the input is not what it was.
        """
        if place is None:
            yield from self._reel.shots(begin_ns=begin_ns)
            return
        for near in (place, None):
            has_earlier = near is None
            self._is_catching_up, self._broken_on_the_way = True, 0
            with contextlib.closing(self._reel.shots(near, begin_ns)) as shots:
                for shot in shots:
                    if shot.pts_ns < place.pts_ns:
                        has_earlier = True
                        continue
                    is_found = shot.pts_ns == place.pts_ns or (has_earlier and not is_exact)
                    if not is_found or (near is not None and self._broken_on_the_way):
                        break
                    self._is_catching_up = False
                    yield shot
                    yield from shots
                    return
        self._is_catching_up = False
        if is_exact:
            problem = f"has no frame at {place.pts_ns} ns any more; was the file changed?"
            raise StageError(f"{self._shown}: {problem}")

    def _place(self, first_ns: int, resume: Resume) -> ReelPlace:
        """Return where an earlier process was, and how many shots that makes in a first, unthinned round."""
        is_counted = resume.epoch == 0 and self._extent.max_fps is None
        return ReelPlace(
            pts_ns=resume.pts_ns,
            since_ns=None if self._extent.start_s is None else first_ns,
            count=resume.captured if is_counted else None,
        )

    def _within(self, shots: Iterator[ShotT], first_ns: int, after_ns: int | None) -> Iterator[ShotT]:
        """Keep to `duration` and `max-fps`; the shot `after_ns` passes."""
        window = Window(first_ns, self._extent.duration_s, self._extent.max_fps, after_ns)
        for shot in shots:
            if window.is_over(shot.pts_ns):
                return
            if shot.pts_ns == after_ns or window.keeps(shot.pts_ns):
                yield shot
            else:
                self._on_thinned()

    def _frame(self, shot: Shot, offset_ns: int, epoch: int, *, is_break: bool) -> Frame | None:
        """Decode a shot; None, and counted, if it is broken, or a still image that is too large.

        is_break: it does not continue the frame before it.
        """
        image_bgr = shot.read()
        if image_bgr is None:
            self.broken(f"{shot.uri} cannot be decoded")
            return None
        height, width = image_bgr.shape[:2]
        if too_much := excess(image_bgr.shape):
            problem = f"{shot.uri} of {width}x{height} is {too_much}; set 'width'"
            if not is_image(shot.uri):
                # In a film every frame is too large; among images the others may not be.
                raise StageError(problem)
            self.broken(problem)
            return None
        return Frame(
            payload=image_bgr,
            pts_ns=shot.pts_ns,
            running_ns=shot.pts_ns + offset_ns,
            duration_ns=shot.duration_ns,
            epoch=epoch,
            uri=shot.uri,
            pixel_aspect_ratio=shot.pixel_aspect_ratio,
            flags=("DISCONT",) * is_break + ("CORRUPTED",) * shot.damaged,
        )


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
