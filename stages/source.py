"""The source: film files, folders and globs of images, and network streams, as frames of a graph."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Any, TypeVar

from runtime.errors import GraphError, StageError
from runtime.properties import REQUIRED, Seconds, prop
from runtime.secrets import without_password
from runtime.stage import Context, Frame, Health, Resume, Source
from stages.media.camera import Camera, Settings
from stages.media.checks import check_uri, fingerprint
from stages.media.connection import Limits
from stages.media.film import Film
from stages.media.images import ImageReel
from stages.media.picture_watch import Thresholds
from stages.media.skipping import find_gap
from stages.media.timing import NS_PER_S, Mark, Place, Reel, Shot, Thinner
from stages.media.uri import Kind, kind_of

WARN_EVERY_S = 10.0
ShotT = TypeVar("ShotT", Shot, Mark)


class FilmSource(Source):
    """Plays a film, still images or a network stream.

    A film's frames keep its time stamps. Each image is a segment of its own, with its path as uri. Frames
    that cannot be decoded are skipped and counted as "broken", those above `max-fps` as "max-fps".
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop(
            REQUIRED, "A film, an image, a folder or glob of images, rtsp://…, http://…, /dev/video0, …"
        )
        rate: float = prop(1.0, "Images a second, for still images.", low=0.001, high=1000)
        loop: bool = prop(False, "Begin again at the end, for ever.")
        max_fps: float | None = prop(None, "Leave out frames above this rate.", low=0.001, high=1000)
        start: Seconds | None = prop(None, "Where to begin, from the film's beginning.", low=0)
        duration: Seconds | None = prop(None, "How much to play of it.", low=0.001)
        width: int | None = prop(
            None, "Scale wider pictures down to this width in pixels.", low=16, high=32_768
        )
        protocols: str = prop("tcp", "How RTSP carries pictures.", choices=("tcp", "udp"))
        open_timeout: Seconds = prop(
            10.0, "Live: connecting for longer than this has failed.", low=0.1, high=600
        )
        restart_timeout: Seconds = prop(
            5.0, "Live: without any data for longer than this the connection is made anew.", low=0.1, high=600
        )
        picture_timeout: Seconds = prop(
            20.0, "Live: data without a picture for longer than this: connect anew.", low=0.1, high=600
        )
        retry_delay: Seconds = prop(
            0.5, "Live: pause before the first new attempt; doubles with each.", low=0.05, high=600
        )
        max_retry_delay: Seconds = prop(
            10.0, "Live: the longest pause between attempts.", low=0.05, high=3600
        )
        retry_timeout: Seconds = prop(
            0.0, "Live: after so long without a picture the run fails; 0: it is tried for ever.", low=0
        )
        restart_on_eos: bool | None = prop(
            None,
            "Live: connect again at the end of the stream; not given: unless the stream told its length.",
        )
        stalled_after: Seconds = prop(
            10.0,
            "Live: pictures frozen, black or smeared for so long are reported as stalled; 0: never.",
            low=0,
        )
        frozen_level: int = prop(
            2, "Live: a picture that differs by no more (of 255) anywhere is unchanged.", low=0, high=255
        )
        black_level: int = prop(
            32, "Live: a picture with nothing brighter (of 255) is black.", low=0, high=255
        )
        damaged_share: float = prop(
            0.3, "Live: more decode errors than this share of the pictures is smeared.", low=0, high=1
        )

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._skipped: dict[str, int] = {}
        self._is_catching_up = False
        self._broken_on_the_way = 0
        self._warned_at_s = -WARN_EVERY_S
        self._reel: Reel | None = None
        self._camera: Camera | None = None

    @classmethod
    def is_live(cls, options: Any) -> bool:
        return kind_of(options.uri) is Kind.STREAM

    @classmethod
    def check(cls, options: Any) -> None:
        check_uri(options.uri)
        if cls.is_live(options) and (options.loop or options.start is not None):
            shown = without_password(options.uri)
            raise GraphError(f"{shown}: loop and start are for files; a stream cannot be wound")

    @classmethod
    def fingerprint(cls, options: Any) -> str:
        return fingerprint(options.uri)

    def open(self) -> None:
        kind, options = kind_of(self.options.uri), self.options
        if kind is Kind.IMAGES:
            self._reel = ImageReel(options.uri, rate=options.rate, width=options.width, alive=self.alive)
        elif kind is Kind.FILM:
            self._reel = Film(
                options.uri,
                threads=self.context.threads,
                width=options.width,
                on_broken=self._count_broken,
                alive=self.alive,
            )
        else:
            self._camera = self._make_camera()
        if self._reel is not None:
            self._reel.open()

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        if self._camera is not None:
            yield from self._camera.frames(resume)
            return
        assert self._reel is not None
        is_empty = True
        for frame in self._reel_frames(self._reel, resume):
            is_empty = False
            yield frame
        if is_empty and resume is None:
            raise StageError(f"{self._shown}: not one picture could be read; check the file and 'start'")

    @property
    def health(self) -> Health | None:
        return self._camera.health() if self._camera is not None else None

    def _make_camera(self) -> Camera:
        options = self.options
        return Camera(
            Settings(
                uri=options.uri,
                protocol=options.protocols,
                width=options.width,
                max_fps=options.max_fps,
                duration_s=options.duration,
                open_limit_s=options.open_timeout,
                read_limit_s=options.restart_timeout,
                picture_limit_s=options.picture_timeout,
                restart_on_eos=options.restart_on_eos,
                threads=self.context.threads,
            ),
            Limits(
                silent_s=options.restart_timeout / 2,
                first_delay_s=options.retry_delay,
                max_delay_s=max(options.retry_delay, options.max_retry_delay),
                give_up_s=options.retry_timeout,
            ),
            Thresholds(
                after_s=options.stalled_after,
                frozen_level=options.frozen_level,
                black_level=options.black_level,
                damaged_share=options.damaged_share,
            ),
            log=self.log,
            alive=self.alive,
            on_broken=self._count_broken,
            on_thinned=self._count_thinned,
        )

    @property
    def skipped(self) -> dict[str, int]:
        return dict(self._skipped)

    @property
    def length(self) -> int | None:
        reel = self._reel
        if reel is None or reel.shot_count is None or self.options.loop:
            return None
        length_ns = max(0, reel.shot_count * reel.shot_ns - _ns(self.options.start or 0))
        if self.options.duration is not None:
            length_ns = min(length_ns, _ns(self.options.duration))
        fps = NS_PER_S / reel.shot_ns
        if self.options.max_fps is not None:
            fps = min(fps, self.options.max_fps)
        return round(length_ns * fps / NS_PER_S)

    @property
    def _shown(self) -> str:
        return without_password(self.options.uri)

    def leave_out(self, resume: Resume | None) -> Resume | None:
        """Go on at the next key frame, or with the next image.

        None for a stream, and for a film whose time stamps need repair: these have no place to go on at.
        """
        reel = self._reel
        marks = reel.marks() if reel is not None else None
        if reel is None or marks is None:
            return None
        first_ns, offset_ns = self._origin(reel)
        before_ns = None if self.options.start is None else first_ns - 1
        found = find_gap(marks, reel, resume, before_ns, offset_ns, loop=self.options.loop)
        if found is None:
            return None
        gap, last = found
        count = sum(1 for _mark in self._within(iter(gap.shots), first_ns, None))
        return dataclasses.replace(last, captured=last.captured + count)

    def _origin(self, reel: Reel) -> tuple[int, int]:
        """Return the time stamp where the playing begins, and what is added to make running time of it."""
        first_ns = reel.start_ns + _ns(self.options.start or 0)
        return first_ns, -first_ns if self.options.start is not None else 0

    def _reel_frames(self, reel: Reel, resume: Resume | None) -> Iterator[Frame]:
        """Yield the frames of all rounds; running time goes on from round to round."""
        first_ns, offset_ns = self._origin(reel)
        round_, end_ns, after_ns, begin_ns, is_empty = 0, 0, None, None, True
        start = place = None if self.options.start is None else Place(pts_ns=first_ns)
        if resume is not None:
            round_ = resume.epoch // reel.segment_count
            offset_ns, begin_ns = resume.running_ns - resume.pts_ns, resume.begin_ns
            if resume.has_left_out:
                place, is_empty, end_ns = None, False, resume.running_ns + reel.shot_ns
            else:
                place, after_ns = self._place(first_ns, resume), resume.pts_ns
        while True:
            source = self._shots_from(reel, place, begin_ns, is_exact=after_ns is not None)
            for shot in self._within(source, first_ns, after_ns):
                if after_ns == shot.pts_ns:
                    # The one that was captured last, given again: only its end is needed.
                    end_ns, is_empty = shot.pts_ns + offset_ns + shot.duration_ns, False
                    continue
                if is_empty and round_ > 0:
                    offset_ns = end_ns - shot.pts_ns
                frame = self._frame(shot, offset_ns, round_ * reel.segment_count + shot.segment)
                if frame is not None:
                    yield frame
                    is_empty, end_ns = False, frame.running_ns + shot.duration_ns
            if not self.options.loop or is_empty:
                return
            round_, after_ns, place, begin_ns, is_empty = round_ + 1, None, start, None, True

    def _shots_from(
        self, reel: Reel, place: Place | None, begin_ns: int | None, *, is_exact: bool
    ) -> Iterator[Shot]:
        """Yield the shots of one round: all, or those from a place on, of which with `is_exact` the first has
        the very time stamp.

        Begins in the middle of the input where that is sure to give the same, else at its start, or at
        `begin_ns`.
        Raises StageError if the very shot is not there: the input is not what it was.
        """
        if place is None:
            yield from reel.shots(begin_ns=begin_ns)
            return
        for near in (place, None):
            has_earlier = near is None
            self._is_catching_up, self._broken_on_the_way = True, 0
            with contextlib.closing(reel.shots(near, begin_ns)) as shots:
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

    def _place(self, first_ns: int, resume: Resume) -> Place:
        """Return where an earlier process was, and how many shots that makes in a first, unthinned round."""
        is_counted = resume.epoch == 0 and self.options.max_fps is None
        return Place(
            pts_ns=resume.pts_ns,
            since_ns=None if self.options.start is None else first_ns,
            count=resume.captured if is_counted else None,
        )

    def _within(self, shots: Iterator[ShotT], first_ns: int, after_ns: int | None) -> Iterator[ShotT]:
        """Keep to `duration` and `max-fps`; the shot `after_ns` passes."""
        end_ns = None if self.options.duration is None else first_ns + _ns(self.options.duration)
        thinner = None
        if self.options.max_fps is not None:
            thinner = Thinner(self.options.max_fps, first_ns, after_ns)
        for shot in shots:
            if end_ns is not None and shot.pts_ns >= end_ns:
                return
            if thinner is None or shot.pts_ns == after_ns or thinner.keeps(shot.pts_ns):
                yield shot
            else:
                self._count_thinned()

    def _frame(self, shot: Shot, offset_ns: int, epoch: int) -> Frame | None:
        """Decode a shot; None, and counted, if it is broken."""
        image_bgr = shot.read()
        if image_bgr is None:
            self._count_broken(f"{shot.uri} cannot be decoded")
            return None
        return Frame(
            image_bgr=image_bgr,
            pts_ns=shot.pts_ns,
            running_ns=shot.pts_ns + offset_ns,
            duration_ns=shot.duration_ns,
            epoch=epoch,
            uri=shot.uri,
            flags=("CORRUPTED",) if shot.damaged else (),
        )

    def _count_thinned(self) -> None:
        self._skipped["max-fps"] = self._skipped.get("max-fps", 0) + 1

    def _count_broken(self, reason: str) -> None:
        """Count a unit that gives no picture, once: not again on the way to where an earlier process was."""
        if self._is_catching_up:
            self._broken_on_the_way += 1
            return
        self._skipped["broken"] = self._skipped.get("broken", 0) + 1
        now_s = time.monotonic()
        if now_s - self._warned_at_s >= WARN_EVERY_S:
            self._warned_at_s = now_s
            self.log.warning(
                "%s: a broken frame is skipped (%s); %d so far", self._shown, reason, self._skipped["broken"]
            )


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
