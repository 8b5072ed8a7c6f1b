"""What a stage's author writes: one class with `open`, `process` and `close`. Nothing else runs here.

framegraph makes one object per process (per process and source for a sink), calls everything from one
thread, and owns every socket, signal, retry and file of its own. Heavy imports belong
inside `open`, so that checking a graph is quick.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from framegraph.packet import Image, Packet
from framegraph.properties import NoOptions

Json = Any
OptionsT = TypeVar("OptionsT")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What framegraph tells a stage about its place: made before `open`, never changed."""

    name: str
    run: str = ""
    replica: int = 0
    source: str = ""
    device: str = "cpu"
    threads: int = 1
    batch: int = 1
    sources: tuple[str, ...] = ()
    """The sources whose packets come to this stage."""
    log: logging.Logger = dataclasses.field(default_factory=lambda: logging.getLogger("stage"))


class Stage(Generic[OptionsT]):
    """A worker: takes a packet, gives the same packet back with more in it.

    In brackets stands what `self.options` is, for type checkers: `class Mine(Stage["Mine.Options"])`. A plain
    `class Mine(Stage)` works as well.

    A worker keeps nothing from packet to packet that a result depends on: the process may die at any
    moment, and its packets are then given to another one.
    """

    Options: ClassVar[type] = NoOptions
    takes: ClassVar[tuple[str, ...]] = ()
    """What must be in a packet's meta before this stage, e.g. ("words",)."""
    gives: ClassVar[tuple[str, ...]] = ()
    """What this stage adds to a packet's meta."""
    summed: ClassVar[tuple[str, ...]] = ()
    """Of `gives`: lists of which the summary says how many items there were, in how many frames, as these
    are when a sink has them. Nothing is said where no stage before the sink has it here: 0 would be wrong."""
    completes: ClassVar[tuple[str, ...]] = ()
    """What this stage puts into each packet where a stage before it `gives_in_some` only."""
    payload: ClassVar[str] = ""
    """The format of the payloads that it takes, or that a source gives, in a word of your own; empty: any."""
    default_batch: ClassVar[int] = 1
    """How many packets `process_batch` is given at most, where the graph does not say."""

    def __init__(self, options: OptionsT, context: Context) -> None:
        self.options = options
        self.context = context
        self.log = context.log

    @classmethod
    def check(cls, options: OptionsT) -> None:
        """Refuse, by GraphError, what can be known to be wrong before any process starts."""

    @classmethod
    def gives_in_some(cls, options: OptionsT) -> dict[str, str]:
        """Of `gives`, what stands for nothing in some packets, with what makes it so: {word: reason}.

        A graph is refused unless a stage that `completes` it comes before any sink, and before any other
        stage that takes it.
        """
        return {}

    @classmethod
    def forms(cls, options: OptionsT) -> dict[str, str]:
        """The form that a word of `takes` or `gives` has by these options: {word: form}.

        A graph is refused in which a stage takes a word in another form than the stage before it gives.
        """
        return {}

    def open(self) -> None:
        """Load models and open devices. Called once, before the first packet; may take its time."""

    def process(self, packet: Packet) -> Packet:
        """Answer one packet with the same packet, changed in place. Raise and the frame is tried again."""
        return packet

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        """Answer several packets at once, in the same order; for models that gain from a batch."""
        return [self.process(packet) for packet in packets]

    def close(self) -> None:
        """Let go of what `open` took. Not called when the process is killed."""


class Ordered(Stage[OptionsT]):
    """A stage with a memory: one object per source, fed in the order of that source, each frame once.

    framegraph writes each answer down before it sends it. A frame that comes again (for a sink that died)
    gets the answer it had, so identities stay; the memory itself begins anew when the process dies:
    `highest_id` then says where numbers that must not come twice go on, and `recall` what was answered last.
    """

    highest_id: int = 0
    """The highest number given out so far; kept with each answer, given back after a death."""

    def recall(self, answers: list[dict[str, Json]]) -> None:
        """After a death: the meta of the last answers that were given, oldest first. For a stage whose memory
        can be made again from its answers; others begin anew. Called once, after `open`."""

    def gap(self, packet: Packet) -> None:
        """A frame of the source will not come: `packet` says which and when it was, without findings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """One captured frame, as a source gives it.

    `pts_ns` is the time stamp in the input. `running_ns` never goes back, whatever the input does:
    sinks time their output by it. A new `epoch` is a new segment (next image, next loop, reconnect).
    """

    payload: Image
    """uint8 of 1 to 4 dimensions, none of them empty."""
    pts_ns: int
    running_ns: int
    duration_ns: int = 0
    epoch: int = 0
    uri: str = ""
    flags: tuple[str, ...] = ()
    pixel_aspect_ratio: tuple[int, int] = (1, 1)
    """Width to height of an item of the payload as it is to be shown; (64, 45), say."""
    outage_s: float = 0.0
    """Of a live source: for how long in all, in this run and up to this frame, there was no fresh frame."""

    @property
    def image_bgr(self) -> Image:
        """The payload, where all payloads are uint8 HxWx3."""
        return self.payload


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resume:
    """Where a source that died has to go on: what its last captured frame was.

    `begin_ns` is set when frames were left out because they kill whoever decodes them: in this epoch
    nothing before this time stamp may be decoded again.
    """

    captured: int
    epoch: int
    pts_ns: int
    running_ns: int
    capture_time_ns: int = 0
    outage_s: float = 0.0
    begin_ns: int | None = None

    @property
    def has_left_out(self) -> bool:
        """Whether the last captured frame was left out, so that the next one stands at `begin_ns`."""
        return self.begin_ns is not None and self.begin_ns > self.pts_ns


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """How a live source is: `state` is stopped, connecting, running, stalled or retrying; `cause` says why it
    is not running, `failures` how many attempts in a row came to nothing."""

    state: str
    cause: str = ""
    failures: int = 0
    next_try_s: float = 0.0
    outage_s: float = 0.0


class Source(Stage[OptionsT]):
    """A source: an iterator of frames. It is told where to go on when an earlier process of it died."""

    alive_until_s: float = 0.0
    """CLOCK_MONOTONIC up to which it said to be at work, by `alive`."""

    def alive(self, step_s: float = 0.0) -> None:
        """Say, from `frames`, that a step begins that may take `step_s`: waiting for an input is not a hang.

        A source that is asked for a frame and says nothing for longer than its `timeout` is killed.
        """
        self.alive_until_s = time.monotonic() + step_s

    @property
    def health(self) -> Health | None:
        """How a live source is; read by another thread than the one that asks for frames."""
        return None

    @classmethod
    def is_live(cls, options: OptionsT) -> bool:
        """Whether frames come at their own pace: then the older frame gives way to the fresher one. What can
        be told from the properties alone; `plays_live` knows better once the input is there."""
        return False

    @property
    def plays_live(self) -> bool:
        """Whether frames come at their own pace, as far as is known now; read by another thread than the one
        that asks for frames."""
        return self.is_live(self.options)

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        """Yield frames in order until the stream ends.

        With `resume`, the first frame yielded is the one after `resume`, the same that an unbroken run
        would have yielded. The payload may be reused by the source once the next frame is asked for.
        """
        raise NotImplementedError

    def leave_out(self, resume: Resume | None) -> Resume | None:
        """The frame after `resume` has killed each process that decoded it: find, without decoding, where
        to begin after it, and return that as what to resume from; frames left out count as captured.

        None: this source cannot tell, and is asked for the same frame again.
        """
        return None

    @classmethod
    def keep(cls, path: Path, payload: Image) -> None:
        """Write a frame that was given up, for whoever wants to know why, to `path` with a suffix of your
        own; OSError is a warning."""
        np.save(path.with_suffix(".npy"), payload)

    @property
    def skipped(self) -> dict[str, int]:
        """Units that never became a frame, by reason, e.g. {"broken": 3}: reported beside the ledger."""
        return {}

    @property
    def length(self) -> int | None:
        """How many frames there will be, if that is known: for progress and time left only."""
        return None

    @classmethod
    def inputs(cls, options: OptionsT) -> list[Path]:
        """The files that it reads, for no sink may write there: where nothing else is said, what a property
        `uri` names."""
        uri = str(getattr(options, "uri", ""))
        return [Path(uri)] if uri and "://" not in uri else []

    @classmethod
    def fingerprint(cls, options: OptionsT) -> str:
        """Tell one input from another under the same name: a run is resumed only on the same input."""
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a file sink goes on: the length in bytes that is known to be good, and its own notes."""

    size_bytes: int
    notes: dict[str, Json]


class Sink(Stage[OptionsT]):
    """A sink that commits: one object per source, fed in the order of the source, each frame once.

    A frame counts as delivered once `process` has returned, and `position` is then written down.
    """

    wants_stop: bool = False
    """Set it to end the run as the first Ctrl-C does: for a window that its user closes."""

    def process(self, packet: Packet) -> Packet:
        """Write one frame. `packet.status` is not "ok" for a frame that could not be analysed."""
        raise NotImplementedError

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        """Note that the frames from_seq..to_seq were dropped; `packet` is the one that follows."""

    def finish(self) -> None:
        """The source has ended and every frame of it is written: complete the output."""

    def remarks(self) -> list[str]:
        """What the summary should say about the output, e.g. that a part of it is missing."""
        return []


class LeakySink(Stage[OptionsT]):
    """A sink that never commits: it is shown what passes, may miss frames, and slows no one.

    One object for all its sources. Frames that were not analysed do not come here, and neither does the end
    of a stream: it has to notice by itself that nothing new comes.
    """

    def process(self, packet: Packet) -> Packet:
        """Show one frame. The payload is a copy of the stage's own, made when it is first asked for."""
        raise NotImplementedError

    def take_sources(self, sources: tuple[str, ...]) -> None:
        """Sources were attached or detached: these are the ones that come here from now on."""


class FileSink(Sink[OptionsT]):
    """A sink with a `location` that can be cut back to an earlier length and go on from there."""

    location_places: ClassVar[tuple[str, ...]] = ("source",)
    """What is filled in for {…} in `location`. A misspelt one is refused; other words may stand there."""

    def open_at(self, location: Path, cut: Cut | None) -> None:
        """Open `location`: anew, or cut back to `cut.size_bytes` when a process of this run died."""
        raise NotImplementedError

    has_many_files = False
    """Whether it writes one file after another: what others do to the current one costs that one only."""

    def is_in_place(self) -> bool:
        """Whether the output is still where it was opened, and whole: others may have moved or cut it."""
        return True

    def position(self) -> Cut:
        """Return how long the file is with all that was written until now (it must be out of this
        process: after a flush)."""
        raise NotImplementedError

    def sync(self) -> None:
        """Make what was written survive a power cut (fdatasync)."""
        raise NotImplementedError

    def committed(self) -> None:
        """What `position` said last is written down: the output will never be cut back to before it.

        Must not raise: what is committed is not written again.
        """

    @classmethod
    def count(cls, location: Path) -> int | None:
        """Return how many frames a finished output holds, by reading all of it, or None where that cannot be
        told: for drills. Raises ValueError when frames are doubled or out of order."""
        return None
