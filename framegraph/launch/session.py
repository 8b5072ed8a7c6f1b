"""A session, from a checked graph to an exit status: locks, run folder, run, ledger, summary."""

import resource
import time
from pathlib import Path
from typing import Any

from framegraph.control.traced import collect
from framegraph.errors import GraphError
from framegraph.frames.ledger import Ledger
from framegraph.graph.check import why_not_writable
from framegraph.graph.model import Graph
from framegraph.graph.registry import writes_file
from framegraph.launch.batch_graph import Batch
from framegraph.launch.resume import Earlier, find_earlier, full_digest
from framegraph.launch.run import RunLoop
from framegraph.run_files.earlier_outputs import move_aside
from framegraph.run_files.ledgers import Ledgers, write_ledger
from framegraph.run_files.output_locks import OutputLocks
from framegraph.run_files.run_folder import RunFolder
from framegraph.supervisor.configs import RunIdentity
from framegraph.supervisor.descendants import RUN_MARK, end_marked
from framegraph.supervisor.guardian import Guardian
from framegraph.supervisor.runner import LocalRunner
from framegraph.supervisor.state import RunState
from framegraph.support.own_process import no_core_dumps
from framegraph.support.report import Report
from framegraph.support.secrets import redact
from framegraph.support.texts import in_one_line
from framegraph.traces.recorder import SAMPLED_BYTES, SAMPLED_EVERY, TRACED_BYTES, switch_on
from framegraph.traces.samples import describe_times, frame_times
from framegraph.traces.timeline import is_trace, write_trace
from framegraph.view.console import View, make_view
from framegraph.view.snapshot import Observer
from framegraph.view.summary import (
    RUN_FAILED,
    describe,
    exit_status,
    latencies,
    links,
    outages,
    rejected_messages,
    stages,
    timing,
)

MIN_DESCRIPTORS = 256
"""A launcher needs about ten per process, a process about forty."""


def check_only(graph: Graph, batch: Batch | None) -> int:
    """Print that the graph is valid; problems were raised before, unless the first input of a batch has some:
    GraphError. Return the exit status."""
    if batch is not None:
        batch.check_first()
        print(f"{batch.source}: {len(batch.uris)} inputs, the first is {redact(in_one_line(batch.uris[0]))}")
    print(f"{graph.name}: {len(graph.stages)} stages, {len(graph.links)} links: nothing wrong was found")
    return 0


def run_graph(
    graph: Graph,
    *,
    quiet: bool,
    verbose: bool,
    resume: bool,
    trace: Path | None = None,
    every: int = SAMPLED_EVERY,
    view: View | None = None,
    stops_at_once: bool = False,
) -> int:
    """Run a graph to its end and return the launcher's exit status; GraphError before anything started, or
    when `trace` cannot be written at the end.

    `every`: each `every`-th frame is traced (0: none). `trace`: the file for the trace. `view`: where
    progress is shown, if not on standard error. `stops_at_once`: after a signal the outputs stay as they are,
    to be resumed.
    """
    raise_descriptor_limit()
    no_core_dumps()
    locks = OutputLocks(list(_files(graph).values()))
    is_complete = False
    try:
        _make_places(graph, trace)
        digest = full_digest(graph)
        earlier = find_earlier(graph, digest) if resume else None
        folder = RunFolder(max(map(len, graph.stages)), _pool_folders(graph))
        identity = _identity_of(folder, digest, earlier)
        ledgers = Ledgers(lambda: state.graph, folder.paths)
        guardian = Guardian(folder.run)
        try:
            view = view or make_view(quiet=quiet)
            report = Report(view.write, "DEBUG" if verbose else "WARNING" if quiet else "INFO")
            state = RunState(graph, folder.paths, identity, report)
            observer = Observer(ledgers)
            runner = LocalRunner(folder.paths, guardian)
            run = RunLoop(
                state,
                ledgers,
                locks,
                observer,
                runner,
                lambda: view.refresh(observer.look(state)),
                stops_at_once=stops_at_once,
            )
            folder.describe(graph.name)
            _report_leftovers(report, folder, [] if earlier else move_aside(graph, state.sources))
            if every:
                switch_on(Path(folder.paths.trace), every, SAMPLED_BYTES if trace is None else TRACED_BYTES)
            view.start()
            try:
                run.go()
            finally:
                view.stop()
            sums = ledgers.all()
        finally:
            ledgers.close()
            traced = collect(folder.paths)
            end_marked(RUN_MARK, folder.run)
            guardian.close()
            folder.remove()
        status = exit_status(state, sums)
        is_complete = set(_files(state.graph)) <= set(state.outputs)
        status = _conclude(state, sums, status, frame_times(traced), quiet=quiet)
        if trace is not None:
            write_trace(traced, trace)
        return status
    finally:
        locks.release(remove=is_complete)


def _identity_of(folder: RunFolder, digest: str, earlier: Earlier | None) -> RunIdentity:
    """Return the identity of a new run, or of the earlier one that it continues."""
    if earlier is None:
        return RunIdentity(run=folder.run, digest=digest)
    return RunIdentity(run=earlier.run, digest=digest, starts=earlier.starts, highest_ids=earlier.highest_ids)


def _report_leftovers(report: Report, folder: RunFolder, moved: list[str]) -> None:
    """Report what earlier runs left behind, and which of their outputs have been moved aside."""
    for remark in folder.remarks:
        report.log("launcher", "WARNING", remark)
    for line in moved:
        report.log("launcher", "INFO", line)


def _make_places(graph: Graph, trace: Path | None) -> None:
    """Check that ledger and trace can be written at the end; GraphError if one cannot, or must not."""
    taken = {path.resolve(): f"{sink}.location" for (sink, _source), path in graph.locations().items()}
    for path, option in ((graph.ledger_path, "ledger"), (trace, "--trace")):
        if path is not None:
            _refuse_taken(path, option, taken)
            _make_folder_of(path, option)
    if trace is not None and trace.exists() and trace.stat().st_size and not is_trace(trace):
        raise GraphError(f"--trace: {trace} is there and is no trace; name another file")


def _refuse_taken(path: Path, option: str, taken: dict[Path, str]) -> None:
    """Raise GraphError for a file that would overwrite an output of the same run."""
    place = path.resolve()
    other = taken.get(place)
    if other is not None:
        raise GraphError(f"{option}: {path} is also {other}; give each a file of its own")
    taken[place] = option


def _make_folder_of(path: Path, option: str) -> None:
    """Check, before a run starts, that a file can be written at its end; GraphError if not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        problem = why_not_writable(path)
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        raise GraphError(f"{option}: {path} cannot be written: {problem}; name another file")


def _files(graph: Graph) -> dict[tuple[str, str], Path]:
    """Return {(sink, source): file} of outputs that can be cut back and resumed."""
    return {
        place: path for place, path in graph.locations().items() if writes_file(graph.stages[place[0]].stage)
    }


def _pool_folders(graph: Graph) -> list[Path]:
    """Return the folders that the graph's sources set for their pools."""
    return [Path(source.common.pool) for source in graph.of_kind("source") if source.common.pool]


def raise_descriptor_limit() -> None:
    """Raise the limit of open descriptors for this process and its children as far as the system allows.
    GraphError if that is too few for any graph."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MIN_DESCRIPTORS:
        raise GraphError(f"only {hard} files may be open at once here (ulimit -n); allow {MIN_DESCRIPTORS}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _conclude(
    run: RunState, sums: dict[str, Ledger], status: int, times: dict[str, Any], *, quiet: bool
) -> int:
    """Write the ledger and print the summary; return the exit status, because writing the ledger may fail."""
    path = run.graph.ledger_path
    lines = describe(run, sums)
    if not quiet:
        lines += describe_times(times)
    if path is not None:
        more = {
            "digest": run.identity.digest,
            "exit_status": status,
            "ended": {source: said.get("cause", "") for source, said in run.ended_sources.items()},
            "seconds": round(time.time() - run.started_at, 3),
            "failure": redact(run.failure),
            "outage_s": outages(run, sums),
            "latency": latencies(run),
            "restarts": run.report.deaths,
            "rejected_messages": rejected_messages(run),
            "links": links(run),
            "stages": stages(run),
            "timing": timing(run),
            "frame_times_ms": times,
        }
        try:
            write_ledger(path, run.identity.run, sums, more)
            lines.append(f"wrote {path} (ledger)")
        except OSError as error:
            lines.append(f"the ledger {path} cannot be written: {error.strerror}")
            status = status or RUN_FAILED
    print("\n".join(lines))
    return status
