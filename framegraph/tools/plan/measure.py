"""Measures the stages of a graph one after the other, each alone, with a copy of it on every core."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.model import Graph, StageSpec
from framegraph.stage import FileSink
from framegraph.supervisor.configs import threads_for
from framegraph.supervisor.runner import child_environment

LIMIT_S = 120.0
"""Limit for one stage, loading included: a model that takes longer is not measured."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one frame at a stage: seconds of CPU and on the clock, with a copy on every core.

    `pss_bytes`: memory of one process of it. `frame_bytes`: of a source, the pixels of a frame.
    """

    cpu_s: float
    wall_s: float
    open_s: float
    pss_bytes: int
    threads: int
    frame_bytes: int = 0


def cores() -> int:
    return len(os.sched_getaffinity(0))


def measure_graph(
    graph: Graph,
    words: list[str],
    *,
    seconds: float,
    copies: int | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Cost]:
    """Return the cost of each stage that can be measured; sinks that write no file are left out.

    `words`: the graph as the command line had it, with its overrides. Of several sources the first one's
    packets are used for what they share. Raises GraphError if a stage cannot be opened here.
    """
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        for source in graph.of_kind("source"):
            for name in graph.reachable(source.name):
                spec = graph.stages[name]
                if name in costs or (spec.kind == "sink" and not issubclass(spec.stage, FileSink)):
                    continue
                say(f"measuring {name} for {seconds:g} s")
                before = graph.upstream(name)
                taken = Path(folder) / next((up for up in before if up in costs), "nothing")
                costs[name] = _measure(spec, words, taken, Path(folder) / name, seconds, copies or cores())
    return costs


def _measure(
    spec: StageSpec, words: list[str], taken: Path, given: Path, seconds: float, copies: int
) -> Cost:
    command = [sys.executable, "-P", "-m", "framegraph.tools.plan.alone", words[0], spec.name, *words[1:]]
    command += ["--seconds", str(seconds), "--threads", str(threads_for(spec))]
    if spec.kind != "source":
        command += ["--packets", str(taken)]
    env = child_environment(threads_for(spec))
    processes = [
        subprocess.Popen(
            [*command, *(["--record", str(given)] if copy == 0 else [])],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        for copy in range(copies)
    ]
    found = []
    try:
        for process in processes:
            said, _ = process.communicate(timeout=LIMIT_S + seconds)
            found.append(json.loads(said.splitlines()[-1] if said else "{}"))
    except subprocess.TimeoutExpired:
        raise GraphError(f"{spec.place}: stage '{spec.name}' took over {LIMIT_S:g} s to measure") from None
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for one in found:
        if not one or "error" in one:
            raise GraphError(
                f"{spec.place}: stage '{spec.name}' cannot be measured: {one.get('error', 'it died')}"
            )
    if not all(one["frames"] for one in found):
        raise GraphError(
            f"{spec.place}: stage '{spec.name}': no frame came; give a longer input, or --seconds"
        )
    return Cost(
        cpu_s=sum(one["cpu_s"] for one in found) / copies,
        wall_s=sum(one["wall_s"] for one in found) / copies,
        open_s=max(one["open_s"] for one in found),
        pss_bytes=max(one["pss_bytes"] for one in found),
        threads=max(one["threads"] for one in found),
        frame_bytes=found[0]["frame_bytes"],
    )
