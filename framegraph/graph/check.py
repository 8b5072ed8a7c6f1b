"""Checks of a graph before anything starts."""

import difflib
import os
import re
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.check_caps import check_caps
from framegraph.graph.model import Graph, StageSpec
from framegraph.graph.problems import Problems
from framegraph.graph.registry import writes_file
from framegraph.stage import FileSink, Source
from framegraph.support.progress import progress_path

LONGEST_NAME_BYTES = 255
"""Limit of a file name on Linux file systems."""

Places = dict[tuple[str, str], str]
Identity = tuple[int, int] | None
"""Device and inode of a file; None: there is none."""


def check_graph(graph: Graph, places: Places) -> None:
    """Refuse a graph that cannot run; GraphError names the stage or link, its line, and the remedy."""
    problems = Problems()
    with problems.catch():
        _check_kinds(graph, places)
        # The following checks walk along the links.
        _check_tree(graph, places)
        for check in (_check_sinks_reached, check_caps, _check_devices):
            with problems.catch():
                check(graph)
    with problems.catch():
        check_locations(graph)
    problems.raise_if_any()


def _check_kinds(graph: Graph, places: Places) -> None:
    if not graph.of_kind("source"):
        raise GraphError(f"{_file(graph)}: the graph has no source; add a stage of type: source")
    for up, down in graph.links:
        if graph.stages[down].kind == "source":
            raise GraphError(
                f"{places[up, down]}: the link {up} ! {down} ends at a source; a source takes no packets"
            )
        if graph.stages[up].ends_a_chain:
            raise GraphError(
                f"{places[up, down]}: the link {up} ! {down} starts at a sink; a sink gives no packets"
            )
    for stage in graph.stages.values():
        if not graph.downstream(stage.name) and not graph.upstream(stage.name):
            raise GraphError(
                f"{stage.place}: stage '{stage.name}' has no link; add it to a chain or remove it"
            )


def _check_tree(graph: Graph, places: Places) -> None:
    """Refuse all but a tree from each source: no cycle, at most one path from a source to a stage."""
    for start in graph.stages:
        trail = [start]
        _refuse_cycle(graph, places, trail)
    for source in graph.of_kind("source"):
        seen = {source.name: source.name}
        queue = [source.name]
        for name in queue:
            for down in graph.downstream(name):
                if down in seen:
                    raise GraphError(
                        f"{places[name, down]}: two paths lead from source '{source.name}' to stage '{down}' "
                        f"(over '{seen[down]}' and over '{name}'); each frame may come to a stage once"
                    )
                seen[down] = name
                queue.append(down)


def _refuse_cycle(graph: Graph, places: Places, trail: list[str]) -> None:
    for down in graph.downstream(trail[-1]):
        if down in trail:
            circle = " ! ".join([*trail[trail.index(down) :], down])
            raise GraphError(f"{places[trail[-1], down]}: the links run in a circle: {circle}")
        _refuse_cycle(graph, places, [*trail, down])


def _check_sinks_reached(graph: Graph) -> None:
    for stage in graph.stages.values():
        if stage.kind != "source" and not graph.sources_of(stage.name):
            raise GraphError(f"{stage.place}: no source leads to stage '{stage.name}'; link one to it")
        if not stage.ends_a_chain and not graph.downstream(stage.name):
            raise GraphError(
                f"{stage.place}: nothing takes the packets of stage '{stage.name}'; end its chain in a sink"
            )
    for stage in graph.stages.values():
        keepers = [name for name in graph.reachable(stage.name) if graph.stages[name].kind == "sink"]
        if not stage.ends_a_chain and not keepers:
            raise GraphError(
                f"{stage.place}: only leaky sinks take the packets of stage '{stage.name}', and these may "
                "miss frames; link a sink that keeps them behind it too, e.g. a json_sink"
            )


def refuse_batch(spec: StageSpec) -> None:
    """Raise GraphError for a source that names several inputs, where only one is possible."""
    assert issubclass(spec.stage, Source)
    inputs = spec.stage.batch(spec.options)
    if inputs:
        raise GraphError(
            f"{spec.place}: '{spec.name}' names {len(inputs)} inputs; give one, e.g. {inputs[0]}"
        )


def _check_devices(graph: Graph) -> None:
    for stage in graph.of_kind("worker"):
        if not stage.devices:
            raise GraphError(f"{stage.place}: stage '{stage.name}': the list of devices is empty; name one")
        for device in stage.devices:
            number = device.removeprefix("cuda:")
            if device.startswith("cuda:") and not Path(f"/dev/nvidia{number}").exists():
                raise GraphError(
                    f"{stage.place}: stage '{stage.name}': there is no device '{device}' on this machine; "
                    "use device: cpu or auto"
                )


def check_locations(graph: Graph) -> None:
    """Refuse outputs that share a file, or whose folder cannot be written."""
    problems = Problems()
    placed = set()
    for sink in graph.of_kind("sink"):
        with problems.catch():
            _check_location(graph, sink)
            placed.add(sink.name)
    owners: dict[Path, str] = {}
    inputs = input_files(graph)
    with problems.catch():
        _check_ledger(graph, inputs)
    for sink_name, path in [(sink, path) for (sink, _), path in graph.locations().items() if sink in placed]:
        with problems.catch():
            _check_output(graph, graph.stages[sink_name], path, inputs, owners)
    problems.raise_if_any()


def _check_location(graph: Graph, sink: StageSpec) -> None:
    sources = graph.sources_of(sink.name)
    if sink.location is not None and len(sources) > 1 and "{source}" not in sink.location:
        raise GraphError(
            f"{sink.place}: stage '{sink.name}' takes {len(sources)} sources, so its location "
            f"'{sink.location}' must hold {{source}}, e.g. "
            f"{_with_source(sink.location)}: it makes a file per source"
        )
    if sink.location is not None and writes_file(sink.stage):
        _check_location_text(sink, sink.location)


def _check_ledger(graph: Graph, inputs: dict[Identity, str]) -> None:
    ledger = graph.ledger_path
    problem = why_not_writable(ledger) if graph.ledger is not None and ledger is not None else ""
    if problem:
        raise GraphError(f"{_file(graph)}: the ledger cannot be written to {ledger}: {problem}; name another")
    if ledger is not None and (read := inputs.get(identity_of(ledger))):
        raise GraphError(f"{_file(graph)}: the ledger would overwrite {ledger}, {read}")


def _check_output(
    graph: Graph, stage: StageSpec, path: Path, inputs: dict[Identity, str], owners: dict[Path, str]
) -> None:
    """Refuse an output that would overwrite an input, the ledger or another output (in `owners`)."""
    files = (path, progress_path(path)) if writes_file(stage.stage) else (path,)
    for file in files:
        if read := inputs.get(identity_of(file)):
            raise GraphError(f"{stage.place}: stage '{stage.name}' would overwrite {file}, {read}")
    if not writes_file(stage.stage):
        return
    whole = path.resolve()
    if whole in owners:
        raise GraphError(
            f"{stage.place}: stages '{owners[whole]}' and '{stage.name}' both write {path}; separate them"
        )
    if graph.ledger_path is not None and graph.ledger_path.resolve() == whole:
        raise GraphError(f"{stage.place}: stage '{stage.name}' would write {path}, the ledger; move one")
    owners[whole] = stage.name
    _check_writable(stage, path)


def input_files(graph: Graph) -> dict[Identity, str]:
    """Return the files that the sources read, by device and inode: links and mounts give a file other
    names."""
    found: dict[Identity, str] = {}
    for source in graph.of_kind("source"):
        assert issubclass(source.stage, Source)
        for path in source.stage.inputs(source.options):
            identity = identity_of(path)
            if identity is not None:
                found[identity] = f"the input of '{source.name}' (as {path}); choose another location"
    return found


def identity_of(path: Path) -> Identity:
    """Return the device and inode of an existing file, else None."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_writable(stage: StageSpec, path: Path) -> None:
    problem = why_not_writable(path)
    if not problem and _is_no_file(path):
        problem = "it is not a file that could be truncated after a fault"
    if not problem and len(os.fsencode(progress_path(path).name)) > LONGEST_NAME_BYTES:
        problem = f"the name {progress_path(path).name} is longer than {LONGEST_NAME_BYTES} bytes"
    if problem:
        raise GraphError(
            f"{stage.place}: stage '{stage.name}' cannot write {path}: {problem}; "
            f"choose another location ({progress_path(path).name} goes next to it)"
        )


def _is_no_file(path: Path) -> bool:
    """Return whether a path names something append-only, or a file only by chance: /dev/stdout may be a file
    today and a pipe tomorrow."""
    whole = Path(os.path.abspath(path))
    is_system = whole.parts[1:2] in (("dev",), ("proc",), ("sys",)) and whole.parts[:3] != ("/", "dev", "shm")
    return is_system or (path.exists() and not path.is_file())


def why_not_writable(path: Path) -> str:
    """Return why a file cannot be written at `path`, or ""."""
    try:
        if path.is_dir():
            return "it is a folder"
        if path.exists():
            return "" if os.access(path, os.W_OK) else "it is write-protected"
        folder = path.parent
        while not folder.exists():
            folder = folder.parent
    except OSError as error:
        return error.strerror or str(error)
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} is write-protected"


def _check_location_text(stage: StageSpec, location: str) -> None:
    """Refuse a location without a file name or with a misspelt placeholder such as {sorce}."""
    if location.endswith("/") or not Path(location).name:
        raise GraphError(
            f"{stage.place}: stage '{stage.name}': location '{location}' names no file; "
            f"add one, e.g. {Path(location) / stage.name}"
        )
    assert issubclass(stage.stage, FileSink)
    places = stage.stage.location_places
    for word in re.findall(r"\{(\w+)\}", location):
        close = difflib.get_close_matches(word, places, n=1)
        if word not in places and close:
            raise GraphError(
                f"{stage.place}: stage '{stage.name}': location '{location}' has no place '{{{word}}}'; "
                f"did you mean '{{{close[0]}}}'?"
            )


def _with_source(location: str) -> str:
    path = Path(location)
    return str(path.with_name(f"{path.stem}-{{source}}{path.suffix}"))


def _file(graph: Graph) -> str:
    return next(iter(graph.stages.values())).place.rsplit(":", 2)[0]
