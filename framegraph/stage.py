"""Base classes for stages. An author writes one class with `open`, `process` and `close`.

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
    """A stage's place in the graph: made before `open`, never changed."""

    name: str
    run: str = ""
    replica: int = 0
    source: str = ""
    device: str = "cpu"
    threads: int = 1
    batch: int = 1
    sources: tuple[str, ...] = ()
    """The sources whose packets reach this stage."""
    log: logging.Logger = dataclasses.field(default_factory=lambda: logging.getLogger("stage"))


class Stage(Generic[OptionsT]):
    """A worker: takes a packet and returns the same packet with more in it.

    The brackets tell type checkers the type of `self.options`: `class Mine(Stage["Mine.Options"])`. A plain
    `class Mine(Stage)` works as well.

    A worker keeps no state between packets that a result depends on: the process may die at any
    moment, and its packets are then given to another one.
    """

    Options: ClassVar[type] = NoOptions
    takes: ClassVar[tuple[str, ...]] = ()
    """Words that must be in a packet's meta before this stage, e.g. ("words",)."""
    gives: ClassVar[tuple[str, ...]] = ()
    """Words that this stage adds to a packet's meta."""
    summed: ClassVar[tuple[str, ...]] = ()
    """Lists in `gives` for which the summary shows how many items reached the sink, in how many frames. A
    sink behind no stage that sums a word shows nothing for it: 0 would be wrong."""
    completes: ClassVar[tuple[str, ...]] = ()
    """Words that this stage adds to every packet when an earlier stage gives them in some only
    (`gives_in_some`)."""
    marks: ClassVar[tuple[str, ...]] = ()
    """Marks that this stage puts on the payload of each packet it answers (`Packet.mark`)."""
    payload: ClassVar[str] = ""
    """The payload format it takes (a source: gives), a word of your choice; empty: any."""
    default_batch: ClassVar[int] = 1
    """The most packets that `process_batch` is given, unless the graph sets `batch`."""

    def __init__(self, options: OptionsT, context: Context) -> None:
        self.options = options
        self.context = context
        self.log = context.log

    @classmethod
    def check(cls, options: OptionsT) -> None:
        """Raise GraphError for what can be known to be wrong before any process starts."""

    @classmethod
    def gives_in_some(cls, options: OptionsT) -> dict[str, str]:
        """Words of `gives` that only some packets have, with the reason: {word: reason}.

        A graph is refused unless a stage that `completes` the word comes before every sink and every other
        stage that takes it.
        """
        return {}

    @classmethod
    def forms(cls, options: OptionsT) -> dict[str, str]:
        """The form of a word of `takes` or `gives` with these options: {word: form}.

        A graph in which a stage takes a word in another form than an earlier stage gives is refused.
        """
        return {}

    @classmethod
    def required_marks(cls, options: OptionsT) -> tuple[str, ...]:
        """Of a sink: marks without which it must keep or show no payload.

        A graph is refused unless stages before it give these `marks`. Its sources then keep no payload of
        frames that were given up. A packet that comes without them, such as a frame that was not analysed,
        passes through `conceal` first.
        """
        return ()

    def conceal(self, packet: Packet) -> None:
        """Of a sink: replace the payload of a packet that lacks a required mark by one that may be kept."""
        raise NotImplementedError(f"{type(self).__name__} requires marks and cannot conceal a payload")

    def open(self) -> None:
        """Load models and open devices. Called once, before the first packet; may be slow."""

    def process(self, packet: Packet) -> Packet:
        """Return the same packet, changed in place. After an exception the frame is tried again."""
        return packet

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        """Process several packets at once and return them in the same order; for models that gain from a
        batch."""
        return [self.process(packet) for packet in packets]

    def close(self) -> None:
        """Release what `open` acquired. Not called when the process is killed."""


class Ordered(Stage[OptionsT]):
    """A stage with a memory: one object per source, fed in the order of that source, each frame once.

    framegraph writes each answer down before it sends it. A frame that comes again (for a sink that died)
    gets the answer it had, so identities stay. When the process dies, the memory starts empty: `highest_id`
    then says where unique numbers continue, and `recall` gives the last answers.
    """

    highest_id: int = 0
    """The highest number given out so far; kept with each answer, given back after a death."""

    def recall(self, answers: list[dict[str, Json]]) -> None:
        """After a death, take the meta of the last answers, oldest first. For a stage that can rebuild its
        memory from its answers; others start empty. Called once, after `open`."""

    def gap(self, packet: Packet) -> None:
        """Note that a frame of the source will not come: `packet` has its number and time, no findings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """One captured frame, as a source yields it.

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
    """Width to height of an item of the payload as displayed, e.g. (64, 45)."""
    clock_ns: int = 0
    """When it was taken, in nanoseconds since 1970 in UTC; 0: not known."""
    outage_s: float = 0.0
    """Live sources: total time without fresh frames in this run, up to this frame."""

    @property
    def image_bgr(self) -> Image:
        """The payload in a graph whose payloads are all uint8 HxWx3."""
        return self.payload


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resume:
    """The last captured frame of a source that died: its successor continues after it.

    `begin_ns` is set when frames were skipped because decoding them kills the process: in this epoch nothing
    before this time stamp may be decoded again.
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
        """Whether the last captured frame was skipped, so that the next one is at `begin_ns`."""
        return self.begin_ns is not None and self.begin_ns > self.pts_ns


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """The state of a live source: `state` is stopped, connecting, running, stalled or retrying; `cause` says
    why it is not running; `failures` counts failed attempts in a row."""

    state: str
    cause: str = ""
    failures: int = 0
    next_try_s: float = 0.0
    outage_s: float = 0.0


class Source(Stage[OptionsT]):
    """A source: an iterator of frames. After a death the next process is given the place to resume from."""

    alive_until_s: float = 0.0
    """CLOCK_MONOTONIC until which it is known to be at work; set by `alive`."""

    def alive(self, step_s: float = 0.0) -> None:
        """Announce, from `frames`, a step that may take `step_s`: waiting for an input is not a hang.

        A source that neither yields a frame nor calls this for longer than its `timeout` is killed.
        """
        self.alive_until_s = time.monotonic() + step_s

    @property
    def health(self) -> Health | None:
        """The state of a live source; read by another thread than the one that asks for frames."""
        return None

    @classmethod
    def is_live(cls, options: OptionsT) -> bool:
        """Whether frames come at their own pace, so that older frames give way to newer ones. Judged from
        the properties alone; `plays_live` knows once the input is open."""
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
        """The frame after `resume` has killed each process that decoded it: find, without decoding, where to
        begin after it, and return that as the new `resume`; skipped frames count as captured.

        None: this source does not know, and is asked for the same frame again.
        """
        return None

    @classmethod
    def keep(cls, path: Path, payload: Image) -> None:
        """Write a frame that was given up, for inspection, to `path` with a suffix of your choice; OSError
        is a warning."""
        np.save(path.with_suffix(".npy"), payload)

    @property
    def skipped(self) -> dict[str, int]:
        """Units that never became a frame, by reason, e.g. {"broken": 3}: reported next to the ledger."""
        return {}

    @property
    def length(self) -> int | None:
        """The number of frames, if known: for progress and time left only."""
        return None

    @classmethod
    def inputs(cls, options: OptionsT) -> list[Path]:
        """The files it reads, which no sink may write; by default the file named by a property `uri`."""
        uri = str(getattr(options, "uri", ""))
        return [Path(uri)] if uri and "://" not in uri else []

    @classmethod
    def batch(cls, options: OptionsT) -> list[str]:
        """The inputs named by a property `uri` if each is to have a run of its own, as values of `uri`.

        None: `options` is one input, run as it is.
        """
        return []

    @classmethod
    def fingerprint(cls, options: OptionsT) -> str:
        """Return a text that identifies the input: a run is resumed only on the same input."""
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """The place where a file sink continues: the length in bytes that is known to be good, and its own
    notes."""

    size_bytes: int
    notes: dict[str, Json]


class Sink(Stage[OptionsT]):
    """A sink that commits: one object per source, fed in the order of the source, each frame once.

    A frame counts as delivered once `process` has returned, and `position` is then written down.
    """

    wants_stop: bool = False
    """Set it to end the run as the first Ctrl-C does, e.g. when the user closes a window."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes a frame now, for a sink that hands frames to somebody who may be slow. Until it
        is, frames wait here, without a time limit, and their source waits or, if it is live, drops."""
        return True

    @property
    def wakers(self) -> list[Any]:
        """The sockets and file descriptors that can be read once `is_ready` may have changed."""
        return []

    def process(self, packet: Packet) -> Packet:
        """Write one frame. `packet.status` is not "ok" for a frame that could not be analysed."""
        raise NotImplementedError

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        """Note that the frames from_seq..to_seq were dropped; `packet` is the one that follows."""

    def finish(self) -> None:
        """Complete the output: the source has ended and all its frames are written."""

    def remarks(self) -> list[str]:
        """Remarks about the output for the summary, e.g. that a part of it is missing."""
        return []


class LeakySink(Stage[OptionsT]):
    """A sink that never commits: it sees what passes, may miss frames, and slows nothing down.

    One object for all its sources. It gets neither frames that were not analysed nor the end of a stream: it
    must notice by itself that nothing new comes.
    """

    def process(self, packet: Packet) -> Packet:
        """Show one frame. The payload is a copy of the stage's own, made when it is first asked for."""
        raise NotImplementedError

    def take_sources(self, sources: tuple[str, ...]) -> None:
        """Take note of the sources that reach this stage from now on, after an attach or detach."""


class FileSink(Sink[OptionsT]):
    """A sink with a `location` that can be cut back to an earlier length and go on from there."""

    location_places: ClassVar[tuple[str, ...]] = ("source",)
    """What is filled in for {…} in `location`. A misspelt one is refused; other words are kept."""

    def open_at(self, location: Path, cut: Cut | None) -> None:
        """Open `location`: anew, or cut back to `cut.size_bytes` when a process of this run died."""
        raise NotImplementedError

    has_many_files = False
    """Whether it writes one file after another, so that damage to the current file costs only that one."""

    def is_in_place(self) -> bool:
        """Whether the output is still where it was opened, and whole: others may have moved or cut it."""
        return True

    def position(self) -> Cut:
        """Return the file's length, including all that was written so far (flushed: out of this process)."""
        raise NotImplementedError

    def sync(self) -> None:
        """Make what was written survive a power cut (fdatasync)."""
        raise NotImplementedError

    def committed(self) -> None:
        """Note that the last `position` is recorded: the output will never be cut back to before it.

        Must not raise: what is committed is not written again.
        """

    @classmethod
    def count(cls, location: Path) -> int | None:
        """Return how many frames a finished output holds, by reading all of it, or None if that cannot be
        known; for drills. Raises ValueError when frames are doubled or out of order."""
        return None
