"""The source: film files, folders and globs of images, and network streams, as frames of a graph."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path

from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.began import began_ns
from fashion_pipeline.stages.media.camera import Camera, CameraSettings, NotACameraError
from fashion_pipeline.stages.media.checks import check_uri, files_of, fingerprint
from fashion_pipeline.stages.media.connection import Limits
from fashion_pipeline.stages.media.film import Film
from fashion_pipeline.stages.media.films import batch_of
from fashion_pipeline.stages.media.images import ImageReel
from fashion_pipeline.stages.media.pace import Pace
from fashion_pipeline.stages.media.picture_watch import Thresholds
from fashion_pipeline.stages.media.player import Extent, ReelPlayer
from fashion_pipeline.stages.media.timing import Reel
from fashion_pipeline.stages.media.uri import HTTP, Kind, kind_of, looks_live, scheme_of
from framegraph.errors import GraphError, StageError
from framegraph.packet import Image
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import Context, Frame, Health, Resume, Source
from framegraph.support.secrets import without_password

AUTO, YES, NO, REALTIME = "auto", "yes", "no", "realtime"
REST_STEP_S = 1.0
WARN_EVERY_S = 10.0
MAX_SAID = 10
IMAGES_NAMED = 20  # unreadable images named one by one in the log, so that the user can find them
FASTSTART = (
    "; an MP4 whose index is at its end needs a server with range requests: download it, or write it "
    "again by `ffmpeg -i IN -c copy -movflags faststart OUT`"
)


class FilmSource(Source["FilmSource.Options"]):
    """Plays a film, still images or a network stream.

    A film's frames keep its time stamps. Each image is a segment of its own, with its path as uri. Frames
    that cannot be decoded are skipped and counted as "broken", those above `max-fps` as "max-fps".
    """

    payload = BGR

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop(
            REQUIRED,
            "A film, an image, a folder or glob of films or images, or an address: rtsp://…, /dev/video0.",
        )
        rate: float = prop(
            1.0,
            "Images per second; also how often to ask an address that gives one picture.",
            low=0.001,
            high=1000,
        )
        loop: bool = prop(False, "Start again at the end, for ever.")
        max_fps: float | None = prop(None, "Leave out frames above this rate.", low=0.001, high=1000)
        start: Seconds | None = prop(None, "Position in the film to start at.", low=0)
        duration: Seconds | None = prop(None, "How much of it to play.", low=0.001)
        live: str = prop(
            "auto",
            "With yes it sets its own pace, and older frames give way to newer ones; with no it waits and "
            "drops none; auto: no for anything with an end, whatever its protocol.",
            choices=("auto", "yes", "no"),
        )
        pace: str = prop(
            "full",
            "Pace of a film or of images; full: as fast as the graph takes them; realtime: each when due.",
            choices=("full", "realtime"),
        )
        began: str = prop(
            "",
            "When a film was recorded, e.g. 2026-11-30T12:00+01:00; empty: not known, and its times are told "
            "from its beginning.",
        )
        width: int | None = prop(
            None, "Scale wider pictures down to this width in pixels.", low=16, high=32_768
        )
        protocols: str = prop("tcp", "Transport of the pictures over RTSP.", choices=("tcp", "udp"))
        open_timeout: Seconds = prop(10.0, "Live: time limit for connecting.", low=0.1, high=600)
        restart_timeout: Seconds = prop(
            5.0, "Live: reconnect after this long without any data.", low=0.1, high=600
        )
        picture_timeout: Seconds = prop(
            20.0, "Live: reconnect after this long with data but no picture.", low=0.1, high=600
        )
        retry_delay: Seconds = prop(
            0.5, "Live: pause before the first new attempt; it doubles with each.", low=0.05, high=600
        )
        max_retry_delay: Seconds = prop(
            10.0, "Live: the longest pause between attempts.", low=0.05, high=3600
        )
        retry_timeout: Seconds = prop(
            0.0, "Live: the run fails after this long without a picture; 0: never.", low=0
        )
        restart_on_eos: bool | None = prop(
            None,
            "Live: reconnect at the end of the stream; unset: unless the stream has an end.",
        )
        stalled_after: Seconds = prop(
            10.0,
            "Live: pictures frozen, black or smeared for this long are reported as stalled; 0: never.",
            low=0,
        )
        frozen_level: int = prop(
            2,
            "Live: a picture that differs by at most this (of 255) everywhere is unchanged.",
            low=0,
            high=255,
        )
        black_level: int = prop(
            32, "Live: a picture with nothing brighter than this (of 255) is black.", low=0, high=255
        )
        damaged_share: float = prop(
            0.3,
            "Live: the picture is smeared if more than this fraction of pictures has decode errors.",
            low=0,
            high=1,
        )

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self._skipped: dict[str, int] = {}
        self._said: set[str] = set()
        self._warned_at_s = -WARN_EVERY_S
        self._player: ReelPlayer | None = None
        self._camera: Camera | None = None

    @classmethod
    def is_live(cls, options: Options) -> bool:
        return looks_live(options.uri) if options.live == AUTO else options.live == YES

    @property
    def plays_live(self) -> bool:
        if self.options.live != AUTO:
            return bool(self.options.live == YES)
        return self._camera is not None and not self._camera.has_end

    @classmethod
    def check(cls, options: Options) -> None:
        check_uri(options.uri)
        began_ns(options.began)
        is_stream = kind_of(options.uri) is Kind.STREAM and scheme_of(options.uri) not in HTTP
        if (is_stream or cls.is_live(options)) and (options.loop or options.start is not None):
            shown = without_password(options.uri)
            raise GraphError(f"{shown}: loop and start are for files; a stream cannot be rewound")

    @classmethod
    def inputs(cls, options: Options) -> list[Path]:
        return files_of(options.uri)

    @classmethod
    def batch(cls, options: Options) -> list[str]:
        return batch_of(options.uri)

    @classmethod
    def fingerprint(cls, options: Options) -> str:
        return fingerprint(options.uri)

    @classmethod
    def keep(cls, path: Path, payload: Image) -> None:
        import cv2

        _is_coded, png = cv2.imencode(".png", payload)
        path.with_suffix(".png").write_bytes(png.tobytes())

    def open(self) -> None:
        if kind_of(self.options.uri) is Kind.STREAM:
            self._camera = self._make_camera()
        else:
            self._player = self._make_player()

    def _make_player(self) -> ReelPlayer:
        reel = self._make_reel()
        reel.open()
        options = self.options
        return ReelPlayer(
            reel,
            Extent(
                start_s=options.start,
                duration_s=options.duration,
                max_fps=options.max_fps,
                loop=options.loop,
            ),
            shown=self._shown,
            on_broken=self._count_broken,
            on_thinned=self._count_thinned,
        )

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        if self._camera is not None:
            try:
                yield from self._camera.frames(resume)
                return
            except NotACameraError:
                # From here on it is read like any other film.
                self._player, self._camera = self._make_player(), None
        assert self._player is not None
        is_empty, begin_ns = True, began_ns(self.options.began)
        is_paced = self.options.pace == REALTIME or self.plays_live
        pace = Pace(math.inf)
        for frame in self._player.frames(resume):
            is_empty = False
            if is_paced:
                self._rest(pace.wait_s(frame.running_ns, time.monotonic()))
            yield self._with_clock(frame, begin_ns) if begin_ns else frame
        if is_empty and resume is None:
            hint = FASTSTART if scheme_of(self.options.uri) in HTTP else ""
            raise StageError(f"{self._shown}: no picture could be read; check the file and 'start'{hint}")

    def _with_clock(self, frame: Frame, begin_ns: int) -> Frame:
        since_ns = frame.running_ns if self.options.loop else frame.pts_ns
        return dataclasses.replace(frame, clock_ns=begin_ns + since_ns)

    def _rest(self, delay_s: float) -> None:
        """Pause, with signs of life."""
        until_s = time.monotonic() + delay_s
        while (left_s := until_s - time.monotonic()) > 0:
            self.alive(REST_STEP_S)
            time.sleep(min(left_s, REST_STEP_S))

    @property
    def health(self) -> Health | None:
        return self._camera.health() if self._camera is not None else None

    def _make_reel(self) -> Reel:
        options = self.options
        if kind_of(options.uri) is Kind.IMAGES:
            return ImageReel(
                options.uri,
                rate=options.rate,
                width=options.width,
                alive=self.alive,
                say=self._say,
                on_unread=self._note_unread,
            )
        limits_s = (options.open_timeout, options.restart_timeout)
        return Film(
            options.uri,
            limits_s=limits_s if kind_of(options.uri) is Kind.STREAM else None,
            threads=self.context.threads,
            width=options.width,
            on_broken=self._broken_in_reel,
            alive=lambda: self.alive(sum(limits_s) if kind_of(options.uri) is Kind.STREAM else 0.0),
            say=self._say,
            on_missing=self._note_missing,
        )

    def _make_camera(self) -> Camera:
        options = self.options
        return Camera(
            CameraSettings(
                uri=options.uri,
                protocol=options.protocols,
                width=options.width,
                max_fps=options.max_fps,
                duration_s=options.duration,
                open_limit_s=options.open_timeout,
                read_limit_s=options.restart_timeout,
                picture_limit_s=options.picture_timeout,
                restart_on_eos=False if options.live == NO else options.restart_on_eos,
                still_fps=options.rate,
                threads=self.context.threads,
            ),
            Limits(
                silent_s=max(options.restart_timeout / 2, 1.5 / options.rate),
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
            is_film=self._is_film,
        )

    def _is_film(self, has_end: bool) -> bool:
        """Return whether to read the connected input like a film: by its clock, and from any position."""
        is_http = scheme_of(self.options.uri) in HTTP
        return is_http and (self.options.live == NO or (self.options.live == AUTO and has_end))

    @property
    def skipped(self) -> dict[str, int]:
        return dict(self._skipped)

    @property
    def length(self) -> int | None:
        return self._player.length if self._player is not None else None

    @property
    def _shown(self) -> str:
        return without_password(self.options.uri)

    def leave_out(self, resume: Resume | None) -> Resume | None:
        """Continue at the next key frame or image; None for a stream, which has no such place."""
        return self._player.leave_out(resume) if self._player is not None else None

    def _broken_in_reel(self, reason: str) -> None:
        if self._player is None:  # while the film is being opened
            self._count_broken(reason)
        else:
            self._player.broken(reason)

    def _say(self, words: str) -> None:
        """Log what a user should know about a film: the first few sentences, each once."""
        if words not in self._said and len(self._said) < MAX_SAID:
            self._said.add(words)
            self.log.warning("%s: %s", self._shown, words)

    def _note_missing(self, count: int) -> None:
        self._skipped["missing"] = count

    def _note_unread(self, count: int) -> None:
        self._skipped["format not read"] = count

    def _count_thinned(self) -> None:
        self._skipped["max-fps"] = self._skipped.get("max-fps", 0) + 1

    def _count_broken(self, reason: str) -> None:
        """Count a unit that gives no picture, and warn now and then, but always about the first images."""
        self._skipped["broken"] = self._skipped.get("broken", 0) + 1
        now_s = time.monotonic()
        is_named = self._skipped["broken"] <= IMAGES_NAMED and kind_of(self.options.uri) is Kind.IMAGES
        if is_named or now_s - self._warned_at_s >= WARN_EVERY_S:
            self._warned_at_s = now_s
            self.log.warning(
                "%s: a broken frame is skipped (%s); %d so far", self._shown, reason, self._skipped["broken"]
            )
