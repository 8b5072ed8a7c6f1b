"""Where an earlier run of the same graph on the same input stopped: for `--resume`."""

import dataclasses
import hashlib
from typing import Any

from runtime.errors import GraphError
from runtime.graph.model import Graph
from runtime.graph.registry import writes_file
from runtime.progress import Progress, ProgressFile, progress_path
from runtime.stage import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Earlier:
    """The run to go on with: its name, and per source the last frame that every sink has committed."""

    run: str
    starts: dict[str, dict[str, Any]]


def full_digest(graph: Graph) -> str:
    """Tell this graph on this input from any other."""
    digest = hashlib.sha256(graph.digest.encode())
    for source in graph.of_kind("source"):
        assert issubclass(source.stage, Source)
        digest.update(source.stage.fingerprint(source.options).encode())
    return digest.hexdigest()[:32]


def find_earlier(graph: Graph, digest: str) -> Earlier:
    """Read the progress files beside the outputs; GraphError when there is nothing that fits."""
    for stage in graph.of_kind("source"):
        if stage.is_live:
            raise GraphError(
                f"{stage.place}: cannot resume: '{stage.name}' is live, what it showed meanwhile is gone; "
                "start without --resume"
            )
    found: dict[str, list[Progress]] = {source.name: [] for source in graph.of_kind("source")}
    for (sink, source), location in graph.locations().items():
        if not writes_file(graph.stages[sink].stage):
            continue
        path = progress_path(location)
        if not path.exists():
            raise GraphError(
                f"nothing to resume: {path} does not exist; either the run had finished, "
                "or it wrote elsewhere. Start without --resume"
            )
        file = ProgressFile(location)
        progress = file.read()
        file.close()
        if progress is None:
            raise GraphError(f"nothing to resume: {path} holds no progress; start without --resume")
        if progress.digest != digest:
            raise GraphError(
                f"cannot resume: {location} was begun with another graph, other properties or another input; "
                "restore these, or start without --resume to write it anew"
            )
        if progress.is_finished and progress.end_cause != "finished":
            raise GraphError(
                f"cannot resume: {location} was completed when the run was stopped at frame "
                f"{progress.last['seq']}; start without --resume"
            )
        found[source].append(progress)
    runs = {progress.run for records in found.values() for progress in records}
    if len(runs) != 1:
        raise GraphError(
            f"cannot resume: the outputs are of {len(runs)} different runs; start without --resume"
        )
    return Earlier(run=runs.pop(), starts={name: _start(records) for name, records in found.items()})


def _start(records: list[Progress]) -> dict[str, Any]:
    """The sink that is behind says where the source goes on; the others know what they have."""
    last = min(records, key=lambda record: record.last["seq"])
    return {**last.last, "not_ok": last.tally.get("not_ok", {})}
