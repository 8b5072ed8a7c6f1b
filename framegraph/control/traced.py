"""The figures of `launcher.py trace` for a running graph, read from its run folder at no cost to it."""

from pathlib import Path
from typing import Any

from framegraph.control.client import find_run
from framegraph.errors import GraphError
from framegraph.traces.recorder import read_settings
from framegraph.traces.samples import describe_times, frame_times, newest_frame, refuse_unsampled
from framegraph.traces.timeline import chrome_trace, describe_frame, read_events, write_trace
from framegraph.wire.config import RunPaths


def collect(paths: RunPaths) -> dict[str, Any]:
    """Return the notes of a run's processes up to now, as a Chrome trace."""
    folder = Path(paths.trace)
    every, _max_bytes = read_settings(folder)
    return chrome_trace(read_events(folder), every)


def describe_running(run: str | None, frame: str | None, save: Path | None) -> list[str]:
    """Return the table of a running graph and the timeline of `frame`, or of the newest sampled one.

    `run`: its id, when several graphs run. `save`: the file for the Chrome trace. GraphError: no such run or
    frame, or the file cannot be written.
    """
    running = find_run(run)
    trace = collect(RunPaths(str(running.folder)))
    every = trace["otherData"]["every"]
    if not every:
        raise GraphError(
            f"run {running.run} notes no frames: it was started with --trace-every 0, or has just ended"
        )
    if frame is None:
        frame = newest_frame(trace)
    else:
        refuse_unsampled(trace, frame)
    noted = "every frame" if every == 1 else f"one frame in {every}"
    lines = [f"run {running.run}: {running.graph}, {noted} is noted", ""]
    lines += [*describe_times(frame_times(trace)), "", frame, *describe_frame(trace, frame)]
    if save is not None:
        write_trace(trace, save)
        lines += ["", f"wrote {save} (ui.perfetto.dev draws it)"]
    return lines
