"""Deinterlacing; films without interlaced pictures pass unchanged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame

NoteT = TypeVar("NoteT")


class Deinterlacer(Generic[NoteT]):
    """FFmpeg's yadif, one picture for each frame, switched on by the first frame that is flagged interlaced.

    Each frame comes with a note of the caller's (its time stamp), which comes out with its picture. The
    picture of a frame depends on the frames just before and after it and on nothing earlier, so a decoder
    that starts in the middle of a film gives the same pictures.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._notes: deque[NoteT | None] = deque()
        self._before: VideoFrame | None = None

    def push(self, frame: VideoFrame, note: NoteT) -> Iterator[tuple[VideoFrame, NoteT]]:
        """Take the next frame; yield what is ready, from the first interlaced frame on one behind."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            yield from self.flush()
        if self._graph is None and not frame.interlaced_frame:
            self._before, self._shape = frame, shape
            yield frame, note
            return
        if self._graph is None:
            self._graph = _yadif(frame)
            if self._before is not None and shape == self._shape:
                # It has been output already; yadif needs it as the neighbour of this frame.
                yield from self._filter(self._before, None)
            self._before, self._shape = None, shape
        yield from self._filter(frame, note)

    def flush(self) -> Iterator[tuple[VideoFrame, NoteT]]:
        """Yield what is still held; the next frame starts afresh."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()
        self._graph = self._before = None
        self._notes.clear()

    def _filter(self, frame: VideoFrame, note: NoteT | None) -> Iterator[tuple[VideoFrame, NoteT]]:
        assert self._graph is not None
        self._notes.append(note)
        self._graph.vpush(frame)
        yield from self._pull()

    def _pull(self) -> Iterator[tuple[VideoFrame, NoteT]]:
        import av

        assert self._graph is not None
        while self._notes:
            try:
                picture = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            note = self._notes.popleft()
            if note is not None:
                yield picture, note


def _yadif(frame: VideoFrame) -> Graph:
    """Build the filter for frames of this size and format, on one thread."""
    from fractions import Fraction

    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 1000),
    )
    yadif = graph.add("yadif", "mode=send_frame:parity=auto:deint=interlaced")
    graph.link_nodes(source, yadif, graph.add("buffersink")).configure()
    return graph
