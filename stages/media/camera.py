"""A camera for the whole run: connecting, playing, reconnecting, and reporting its health."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator

from fashion_pipeline.stages.media.connection import (
    Answer,
    Connect,
    Connection,
    End,
    Event,
    Limits,
    Picture,
    Start,
    Wait,
    Waited,
)
from fashion_pipeline.stages.media.live import LiveStream
from fashion_pipeline.stages.media.live_clock import LiveClock
from fashion_pipeline.stages.media.pace import Pace
from fashion_pipeline.stages.media.picture_watch import PictureWatch, Thresholds
from fashion_pipeline.stages.media.pictures import Turns, to_bgr
from fashion_pipeline.stages.media.timing import NS_PER_S, Window
from framegraph.errors import StageError
from framegraph.stage import Frame, Health, Resume
from framegraph.support.secrets import without_password

REST_STEP_S = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """How to play a camera. `duration_s` None: without end; `restart_on_eos` None: unless it has an end;
    `still_fps`: how often to ask an address that gives one picture."""

    uri: str
    protocol: str = "tcp"
    width: int | None = None
    max_fps: float | None = None
    duration_s: float | None = None
    open_limit_s: float = 10.0
    read_limit_s: float = 5.0
    picture_limit_s: float = 20.0
    restart_on_eos: bool | None = None
    still_fps: float = 1.0
    threads: int = 1


class NotACameraError(Exception):
    """The address leads to a film, which has an end, not to a camera."""


class Camera:
    """Plays one camera. `frames` is for one thread; `health` may be read by any.

    `alive(seconds)` is called before each step, with how long it may take; `on_skipped(reason)` for each
    unit that does not become a frame. `is_film(has_end)` decides at each connection whether to read it as a
    film; `frames` then raises NotACameraError.
    """

    def __init__(
        self,
        settings: CameraSettings,
        limits: Limits,
        thresholds: Thresholds,
        *,
        log: logging.Logger,
        alive: Callable[[float], None],
        on_broken: Callable[[str], None],
        on_thinned: Callable[[], None],
        is_film: Callable[[bool], bool] = lambda _has_end: False,
    ) -> None:
        self._is_film = is_film
        self._settings = settings
        self._thresholds = thresholds
        self._log = log
        self._alive = alive
        self._on_thinned = on_thinned
        self._shown = without_password(settings.uri)
        self._watch = PictureWatch(thresholds)
        self._turns = Turns()
        self._machine = Connection(limits, restarts_on_eos=settings.restart_on_eos is not False)
        self._on_broken = on_broken
        self._stream = LiveStream(
            settings.uri,
            protocol=settings.protocol,
            open_limit_s=settings.open_limit_s,
            read_limit_s=settings.read_limit_s,
            picture_limit_s=settings.picture_limit_s,
            threads=settings.threads,
            on_broken=self._broken,
            alive=alive,
            on_connected=self._connected,
        )
        self._size_wh = (0, 0)
        self._has_picture = False
        self._never = threading.Event()

    @property
    def has_end(self) -> bool:
        """Whether the stream declared an end at its last connection."""
        return self._stream.has_end

    def health(self) -> Health:
        """Return the current state of the connection."""
        machine, now_s = self._machine, time.monotonic()
        return Health(
            state=str(machine.state_at(now_s)),
            cause=machine.trouble or str(machine.cause or ""),
            failures=machine.failures,
            next_try_s=machine.next_try_s(now_s),
            outage_s=machine.outage_s(now_s),
        )

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        """Yield frames for as long as the source lives. Each connection, and each size of the picture, is an
        epoch of its own. Raises StageError when `retry-timeout` is over."""
        lost_s = 0.0 if resume is None else max(0.0, time.time() - resume.capture_time_ns / NS_PER_S)
        begin_ns = 0 if resume is None else resume.running_ns + max(round(lost_s * NS_PER_S), 1)
        self._epoch = -1 if resume is None else resume.epoch
        self._clock = LiveClock(begin_ns)
        self._window = Window(begin_ns, self._settings.duration_s, self._settings.max_fps)
        answer = self._tell(Start(lost_s, 0.0 if resume is None else resume.outage_s))
        while True:
            action = answer.action
            if isinstance(action, Connect):
                is_over = yield from self._play_on()
                if is_over:
                    return
                answer = self._tell(self._stream.broke)
            elif isinstance(action, Wait):
                self._rest(action.delay_s)
                answer = self._tell(Waited())
            elif isinstance(action, End):
                if action.error:
                    raise StageError(f"{self._shown}: {action.error}")
                return

    def _play_on(self) -> Generator[Frame, None, bool]:
        """Yield the frames of one connection, or of one after another where each gives one picture; return
        True when `duration` is over."""
        while True:
            began_s = time.monotonic()
            self._has_picture = False
            is_over = yield from self._play()
            if is_over or not (self._stream.is_still and self._has_picture):
                return is_over
            self._rest(began_s + 1 / self._settings.still_fps - time.monotonic())

    def _play(self) -> Generator[Frame, None, bool]:
        """Yield the frames of one connection; return True when `duration` is over."""
        settings = self._settings
        is_next_still = self._stream.is_still and self._size_wh != (0, 0)
        if not is_next_still:
            self._size_wh = (0, 0)
            self._watch = PictureWatch(self._thresholds)
            self._clock.connected()
        pace = Pace(self._settings.picture_limit_s)
        for decoded, stamp in self._stream.frames():
            self._has_picture = True
            if settings.restart_on_eos is None:
                self._machine.restarts_on_eos = not self._stream.has_end
            time_ = self._clock.stamp(stamp.raw_ns, time.monotonic_ns())
            image_bgr = to_bgr(decoded, settings.width, self._turns)
            trouble = self._watch.see(image_bgr, stamp.raw_ns, time.monotonic(), is_damaged=stamp.damaged)
            is_new_size = self._size_wh != (decoded.width, decoded.height)
            if is_new_size:
                if self._size_wh != (0, 0):
                    self._log.info("%s: the picture is now %dx%d", self._shown, decoded.width, decoded.height)
                self._size_wh = decoded.width, decoded.height
                self._epoch += 1
            facts = f"{decoded.width}x{decoded.height} {self._stream.codec}"
            self._tell(Picture(trouble, facts))
            if self._window.is_over(time_.running_ns):
                return True
            if not self._window.keeps(time_.running_ns):
                self._on_thinned()
                continue
            if self._stream.comes_in_bursts:
                self._rest(pace.wait_s(time_.running_ns, time.monotonic()))
            flags = ["LIVE"]
            if is_new_size or time_.is_broken:
                flags.append("DISCONT")
            if stamp.damaged:
                flags.append("CORRUPTED")
            yield Frame(
                payload=image_bgr,
                pts_ns=time_.running_ns,
                running_ns=time_.running_ns,
                duration_ns=stamp.duration_ns,
                epoch=self._epoch,
                uri=self._shown,
                pixel_aspect_ratio=self._stream.pixel_aspect_ratio(
                    is_on_its_side=self._turns.is_on_its_side(decoded)
                ),
                flags=tuple(flags),
                clock_ns=time.time_ns(),
                outage_s=self._machine.outage_s(time.monotonic()),
            )
        return False

    def _connected(self) -> None:
        if self._is_film(self._stream.has_end):
            raise NotACameraError

    def _broken(self, reason: str) -> None:
        self._watch.damaged(time.monotonic())
        self._on_broken(reason)

    def _tell(self, event: Event) -> Answer:
        answer = self._machine.on(event, time.monotonic())
        if answer.line:
            level = logging.getLevelNamesMapping()[answer.level]
            self._log.log(level, "%s: %s", self._shown, answer.line)
        return answer

    def _rest(self, delay_s: float) -> None:
        """Pause, with signs of life."""
        until_s = time.monotonic() + delay_s
        while (left_s := until_s - time.monotonic()) > 0:
            self._alive(REST_STEP_S)
            self._never.wait(min(left_s, REST_STEP_S))
