"""From a checked graph to an exit status: locks, run folder, run, ledger, summary."""

import resource
import time
from pathlib import Path

from runtime.custody.ledger import Ledger
from runtime.graph.model import Graph
from runtime.graph.registry import writes_file
from runtime.launch.configs import RunIdentity
from runtime.launch.console import make_view
from runtime.launch.ledgers import Ledgers, write_ledger
from runtime.launch.output_locks import OutputLocks
from runtime.launch.report import Report
from runtime.launch.resume import find_earlier, full_digest
from runtime.launch.run import Run
from runtime.launch.run_folder import RunFolder
from runtime.launch.snapshot import Observer
from runtime.launch.state import RunState
from runtime.launch.summary import (
    describe,
    exit_status,
    latencies,
    links,
    outages,
    rejected_messages,
    stages,
    timing,
)
from runtime.secrets import redact
from runtime.trace.recorder import switch_on
from runtime.trace.timeline import write_trace


def check_only(graph: Graph) -> int:
    """Say what was checked; problems were raised before."""
    print(f"{graph.name}: {len(graph.stages)} stages, {len(graph.links)} links: nothing wrong was found")
    return 0


def run_graph(
    graph: Graph, *, quiet: bool, verbose: bool, resume: bool, trace: Path | None = None, every: int = 1
) -> int:
    """Run a graph to its end and return the launcher's exit status; GraphError before anything started.

    `trace`: where to write the timeline of each `every`-th frame.
    """
    raise_descriptor_limit()
    locks = OutputLocks(list(_files(graph).values()))
    is_complete = False
    try:
        digest = full_digest(graph)
        earlier = find_earlier(graph, digest) if resume else None
        folder = RunFolder(max(map(len, graph.stages)))
        identity = RunIdentity(
            run=earlier.run if earlier else folder.run,
            digest=digest,
            starts=earlier.starts if earlier else {},
            highest_ids=earlier.highest_ids if earlier else {},
        )
        ledgers = Ledgers(lambda: state.graph, folder.paths)
        try:
            view = make_view(quiet=quiet)
            report = Report(view.write, "DEBUG" if verbose else "WARNING" if quiet else "INFO")
            state = RunState(graph, folder.paths, identity, report)
            observer = Observer(ledgers)
            run = Run(state, ledgers, locks, observer, lambda: view.refresh(observer.look(state)))
            folder.describe(graph.name)
            if trace is not None:
                switch_on(Path(folder.paths.trace), every)
            view.start()
            try:
                run.go()
            finally:
                view.stop()
            sums = ledgers.all()
        finally:
            ledgers.close()
            if trace is not None and Path(folder.paths.trace).exists():
                write_trace(Path(folder.paths.trace), trace)
            folder.remove()
        status = exit_status(state, sums)
        is_complete = set(_files(state.graph)) <= set(state.outputs)
        _conclude(state, sums, status)
        return status
    finally:
        locks.release(remove=is_complete)


def _files(graph: Graph) -> dict[tuple[str, str], Path]:
    """{(sink, source): file} of what can be cut back and resumed."""
    return {
        place: path for place, path in graph.locations().items() if writes_file(graph.stages[place[0]].stage)
    }


def raise_descriptor_limit() -> None:
    """Allow this process and its children as many descriptors as the system lets us have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _conclude(run: RunState, sums: dict[str, Ledger], status: int) -> None:
    path = run.graph.ledger_path
    lines = describe(run, sums)
    if path is not None:
        more = {
            "exit_status": status,
            "seconds": round(time.time() - run.started_at, 3),
            "failure": redact(run.failure),
            "outage_s": outages(run, sums),
            "latency": latencies(run),
            "restarts": run.report.deaths,
            "rejected_messages": rejected_messages(run),
            "links": links(run),
            "stages": stages(run),
            "timing": timing(run),
        }
        write_ledger(path, run.identity.run, sums, more)
        lines.append(f"wrote {path} (ledger)")
    print("\n".join(lines))
