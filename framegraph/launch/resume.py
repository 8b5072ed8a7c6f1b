"""Resuming: where an earlier run of the same graph on the same input stopped."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framegraph.errors import GraphError
from framegraph.graph.model import Graph
from framegraph.graph.registry import writes_file
from framegraph.stage import Source
from framegraph.support.progress import Progress, ProgressFile, progress_path
from framegraph.transactions import TransactionalSink


@dataclasses.dataclass(frozen=True, kw_only=True)
class Earlier:
    """The run to continue: its name, per source the last frame that every sink has committed, and per
    ordered stage and source the highest number in any output."""

    run: str
    starts: dict[str, dict[str, Any]]
    highest_ids: dict[tuple[str, str], int]


def full_digest(graph: Graph) -> str:
    """Return a text that identifies this graph on this input."""
    digest = hashlib.sha256(graph.digest.encode())
    for source in graph.of_kind("source"):
        assert issubclass(source.stage, Source)
        digest.update(source.stage.fingerprint(source.options).encode())
    return digest.hexdigest()[:32]


def find_earlier(graph: Graph, digest: str) -> Earlier:
    """Read the progress files next to the outputs; GraphError when nothing matches."""
    for stage in graph.of_kind("source"):
        if stage.is_live:
            raise GraphError(
                f"{stage.place}: cannot resume: '{stage.name}' is live, so what it showed since is gone; "
                "start without --resume"
            )
    found: dict[str, list[Progress | None]] = {source.name: [] for source in graph.of_kind("source")}
    for (sink, source), location in graph.locations().items():
        if writes_file(graph.stages[sink].stage):
            found[source].append(_read(location, digest))
    is_cut_off = any(progress is not None for records in found.values() for progress in records)
    for sink, source, progress in _positions(graph, digest):
        # A run that has finished leaves its positions, but no progress files.
        is_cut_off = is_cut_off or (progress is not None and not progress.is_finished)
        found[source].append(_usable(progress, digest, f"the output of '{sink}'"))
    known = [progress for records in found.values() for progress in records if progress is not None]
    runs = {progress.run for progress in known}
    if not runs or not is_cut_off:
        raise GraphError(
            "nothing to resume: no output has a record of how far it is; either the run had finished, or it "
            "wrote elsewhere. Start without --resume"
        )
    if len(runs) != 1:
        raise GraphError(
            f"cannot resume: the outputs are of {len(runs)} different runs; start without --resume"
        )
    return Earlier(
        run=runs.pop(),
        starts={name: _start(records) for name, records in found.items()},
        highest_ids=_highest_ids(known),
    )


def _read(location: Path, digest: str) -> Progress | None:
    """Return the progress of an output; None when the run ended before it was begun: it is then begun now."""
    if not progress_path(location).exists():
        return None
    file = ProgressFile(location)
    progress = file.read()
    file.close()
    return _usable(progress, digest, str(location))


def _positions(graph: Graph, digest: str) -> Iterator[tuple[str, str, Progress | None]]:
    """Yield (sink, source, what its output has on record of this graph) for the sinks that keep it there."""
    for sink in graph.of_kind("sink"):
        if issubclass(sink.stage, TransactionalSink):
            for source in graph.sources_of(sink.name):
                position = sink.stage.last_position(sink.options, digest, sink.name, source)
                yield sink.name, source, Progress(**position) if position is not None else None


def _usable(progress: Progress | None, digest: str, output: str) -> Progress | None:
    """Return the progress of an output; GraphError when it cannot be continued."""
    if progress is None:
        return None
    if progress.digest != digest:
        raise GraphError(
            f"cannot resume: {output} was begun with another graph, other properties or another input; "
            "restore these, or start without --resume to write it anew"
        )
    if progress.is_finished and progress.end_cause != "finished":
        raise GraphError(
            f"cannot resume: {output} was completed when the run was stopped at frame "
            f"{progress.last['seq']}; start without --resume"
        )
    return progress


def _start(records: list[Progress | None]) -> dict[str, Any]:
    """Return the progress of the sink that is furthest behind, where the source continues; the others know
    what they have."""
    behind = min(records, key=lambda record: record.last["seq"] if record is not None else -1, default=None)
    if behind is None:
        return {"seq": -1, "epoch": 0, "pts_ns": 0, "running_ns": 0, "not_ok": {}}
    return {**behind.last, "not_ok": behind.tally.get("not_ok", {})}


def _highest_ids(known: list[Progress]) -> dict[tuple[str, str], int]:
    highest: dict[tuple[str, str], int] = {}
    for progress in known:
        for stage, number in progress.highest_ids.items():
            place = stage, progress.source
            highest[place] = max(number, highest.get(place, 0))
    return highest
