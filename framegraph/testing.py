"""The test kit: runs one stage on packets as a real run would, in this process, without sockets.

    from framegraph.testing import make_packet, run_stage

    [answer] = run_stage(Blur, [make_packet(words=["a", "b"])], {"strength": 5})

What would fail between processes fails here: packets pass through the wire's codec on their way in and out,
payloads are read-only, answers are checked as in a run. Properties are given as in pipeline.yaml; a wrong
one raises GraphError. A mistake in the stage raises AssertionError.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from framegraph.delivery.marks import conceal_unmarked
from framegraph.packet import OK, Image, Packet, size_of
from framegraph.properties import read_options
from framegraph.stage import Context, Cut, FileSink, Frame, Ordered, Resume, Sink, Source, Stage
from framegraph.transactions import TransactionalSink
from framegraph.wire import codec

FRAME_NS = 40_000_000  # from one packet of `make_packet` to the next: 25 frames a second

_RESUMED = ("epoch", "pts_ns", "running_ns")
Properties = Mapping[str, Any]
StageT = TypeVar("StageT", bound=Stage[Any])


def make_packet(
    payload: Image | None = None, *, seq: int = 0, source: str = "camera", status: str = OK, **meta: Any
) -> Packet:
    """Return a packet as a stage gets it: a payload (default 48x64x3 zeros) and `meta` from earlier
    stages."""
    payload = np.zeros((48, 64, 3), np.uint8) if payload is None else payload
    packet = Packet(
        source=source,
        seq=seq,
        prev_seq=seq - 1,
        pts_ns=seq * FRAME_NS,
        running_ns=seq * FRAME_NS,
        duration_ns=FRAME_NS,
        size_wh=size_of(payload.shape),
        status=status,
        meta=meta,
    )
    packet.payload = payload
    return packet


def make_stage(stage: type[StageT], properties: Properties | None = None, *, source: str = "") -> StageT:
    """Return a checked stage, not yet open; GraphError for a wrong property."""
    options: Any = read_options(stage.Options, properties or {})
    stage.check(options)
    return stage(options, Context(name=stage.__name__.lower(), run="test", source=source))


def run_stage(
    stage: type[Stage[Any]],
    packets: Iterable[Packet],
    properties: Properties | None = None,
    *,
    batch: int = 1,
) -> list[Packet]:
    """Open a worker or an ordered stage, give it `packets`, close it, and return its answers in order.

    A worker is given `batch` packets at once. An ordered stage has one object for each source; a packet whose
    status is not "ok" is passed to it as a gap and has no answer.
    """
    if issubclass(stage, (Source, Sink)):
        kind = "source" if issubclass(stage, Source) else "sink"
        raise AssertionError(f"{stage.__name__} is a {kind}; run it with run_{kind}")
    asked = [_travel(packet) for packet in packets]
    for packet in asked:
        if packet.status == OK:
            _check_words(
                packet, stage.takes, f"{stage.__name__} takes '{{}}', which {packet.key} does not have"
            )
    if issubclass(stage, Ordered):
        return _run_ordered(stage, asked, properties)
    worker, answers = make_stage(stage, properties), list[Packet]()
    worker.open()
    try:
        for start in range(0, len(asked), batch):
            given = asked[start : start + batch]
            keys = [packet.key for packet in given]
            answers += _checked(stage, worker.process_batch(given), keys)
    finally:
        worker.close()
    return answers


def _run_ordered(
    stage: type[Ordered[Any]], asked: list[Packet], properties: Properties | None
) -> list[Packet]:
    lanes: dict[str, Ordered[Any]] = {}
    answers: list[Packet] = []
    try:
        for packet in asked:
            if packet.source not in lanes:
                lanes[packet.source] = make_stage(stage, properties, source=packet.source)
                lanes[packet.source].open()
            if packet.status == OK:
                key = packet.key
                answers += _checked(stage, [lanes[packet.source].process(packet)], [key])
            else:
                lanes[packet.source].gap(packet)
    finally:
        for lane in lanes.values():
            lane.close()
    return answers


def run_sink(
    stage: type[Sink[Any]],
    packets: Sequence[Packet],
    properties: Properties | None = None,
    *,
    die_after: int | None = None,
) -> list[str]:
    """Write `packets` of one source, complete the output, and return the sink's remarks.

    With `die_after`, the process "dies" after that many packets, with the next one written but not
    committed. A new object continues: a FileSink cuts its file back, a TransactionalSink begins where it had
    committed, any other sink gets that packet again.
    The output must be the same as without a death.
    """
    if die_after is None:
        return _write(stage, packets, properties, None, is_last=True)[1]
    cut, _remarks = _write(
        stage, packets[:die_after], properties, None, is_last=False, then=packets[die_after:]
    )
    return _write(stage, packets[die_after:], properties, cut, is_last=True)[1]


def _write(
    stage: type[Sink[Any]],
    packets: Sequence[Packet],
    properties: Properties | None,
    cut: Cut | None,
    *,
    is_last: bool,
    then: Sequence[Packet] = (),
) -> tuple[Cut | None, list[str]]:
    sink = make_stage(stage, properties, source=packets[0].source if packets else "camera")
    sink.open()
    try:
        if isinstance(sink, FileSink):
            sink.open_at(Path(sink.options.location), cut)
        elif isinstance(sink, TransactionalSink):
            sink.begin()
        position = _commit(sink)
        for packet in map(_travel, packets):
            for from_seq, to_seq, reason in packet.dropped:
                sink.dropped(packet, from_seq, to_seq, reason)
            conceal_unmarked(sink, packet)
            sink.process(packet)
            position = _commit(sink)
        for packet in map(_travel, then[:1]):
            conceal_unmarked(sink, packet)
            sink.process(packet)
        if is_last:
            sink.finish()
            _commit(sink)
        return position, sink.remarks()
    finally:
        sink.close()


def _commit(sink: Sink[Any]) -> Cut | None:
    if isinstance(sink, TransactionalSink):
        sink.commit({"digest": "test"})
    if not isinstance(sink, FileSink):
        return None
    position = sink.position()
    sink.committed()
    return position


def run_source(
    stage: type[Source[Any]],
    properties: Properties | None = None,
    *,
    limit: int = 1000,
    after: Sequence[Frame] = (),
) -> list[Frame]:
    """Return the frames of a source, `limit` at most; with `after`, those that a new process yields once
    `after` was captured: together they must be the frames of one unbroken run."""
    resume = None
    if after:
        resume = Resume(captured=len(after), **{name: getattr(after[-1], name) for name in _RESUMED})
    source = make_stage(stage, properties)
    source.open()
    try:
        frames = itertools.islice(source.frames(resume), limit)
        return [dataclasses.replace(frame, payload=frame.payload.copy()) for frame in frames]
    finally:
        source.close()


def _travel(packet: Packet) -> Packet:
    """Return the packet as the next process would get it; TypeError for what cannot be sent."""
    return codec.decode_packet([bytes(part) for part in codec.encode_packet(packet)])


def _checked(stage: type[Stage[Any]], answers: list[Packet], keys: list[tuple[str, int]]) -> list[Packet]:
    if [answer.key for answer in answers] != keys:
        raise AssertionError(f"{stage.__name__} must answer {keys} in this order, with one packet for each")
    for answer in answers:
        if missing := [mark for mark in stage.marks if mark not in answer.marks]:
            raise AssertionError(f"{stage.__name__} has marks '{missing[0]}', which {answer.key} lacks")
        _check_words(
            answer, stage.gives, f"{stage.__name__} gives '{{}}', which its answer {answer.key} lacks"
        )
    return [_travel(answer) for answer in answers]


def _check_words(packet: Packet, words: tuple[str, ...], problem: str) -> None:
    """Raise AssertionError unless the meta has every word; a/b: every item of the list a has b."""
    for word in words:
        name, slash, key = word.partition("/")
        has_it = name in packet.meta and (not slash or all(key in item for item in packet.meta[name]))
        if not has_it:
            raise AssertionError(problem.format(word))
