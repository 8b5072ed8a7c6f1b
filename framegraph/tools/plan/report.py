"""The output of `launcher.py plan`."""

import shutil

from framegraph.graph.model import Graph
from framegraph.tools.plan.forecast import Forecast, holds
from framegraph.tools.plan.measure import Cost


def describe(graph: Graph, costs: dict[str, Cost], found: Forecast) -> list[str]:
    """Return the plan, line by line: a table of stages, then what follows from it."""
    lines = [
        f"{'stage':16s} {'CPU ms':>8s} {'ms':>8s} {'MB':>6s} {'is set':>7s} {'advice':>7s} {'reaches':>9s}"
    ]
    for name, cost in costs.items():
        advice, own = found.advice[name], graph.stages[name]
        lines.append(
            f"{name:16s} {1e3 * cost.cpu_s:8.2f} {1e3 * cost.wall_s:8.2f} {cost.pss_bytes / 1e6:6.0f} "
            f"{own.replicas:7d} {advice.replicas:7d} {advice.fps:7.0f}/s"
        )
    left_out = [stage.name for stage in graph.stages.values() if stage.name not in costs]
    if left_out:
        lines.append(f"not measured, because they write no file: {', '.join(left_out)}")
    lines += [
        f"as it is set: about {found.fps_as_set:.0f} frames/s, held back by "
        + (f"stage {found.bottleneck}" if found.bottleneck else f"the {found.cores} cores"),
        f"as advised: about {found.fps:.0f} frames/s; the {found.cores} cores allow {found.limit_fps:.0f}",
    ]
    changes = [
        f"{name}.replicas={advice.replicas}"
        for name, advice in found.advice.items()
        if graph.stages[name].replicas != advice.replicas
    ]
    lines.append(f"set: {' '.join(f'--set {change}' for change in changes)}" if changes else "nothing to set")
    lines.append(f"memory: about {found.memory_bytes / 1e6:.0f} MB in all processes")
    free = shutil.disk_usage("/dev/shm").free
    lines.append(
        f"/dev/shm: {found.pool_bytes / 1e6:.0f} MB for the pixel pools, {free / 1e6:.0f} MB are free"
        + ("" if found.pool_bytes <= free else "; set the source's 'pool' to another folder")
    )
    return lines


def describe_sources(found: Forecast, sources: int, fps: float, word: str) -> str:
    """Return a sentence that says whether this many sources can be handled; `word` is what one is called."""
    wanted = sources * fps
    share = wanted / found.fps
    verdict = "holds" if holds(found, sources, fps) else "does not hold"
    return (
        f"{sources} {word}{'s' if sources > 1 else ''} at {fps:g} frames/s: {verdict}; "
        f"{wanted:g} frames/s are {share:.0%} of what is reached"
    )
