"""Row 2: how close the graph comes to what the machine can do.

The limit is cores / CPU seconds of a frame's own work: decode, detect, crop, classify, draw and encode, and
record, each measured with a copy on every core at once, in turns with the runs of the graph.
"""

from benchmarks.graphs import PROJECT, run
from benchmarks.settings import Result, Settings, median, shown
from benchmarks.throughput import check_frames, graph_settings
from framegraph.graph.reader import read_graph_argument
from framegraph.tools.plan.measure import cores, measure_graph

TITLE = "Share of the machine's limit"
GRAPH_FILE = PROJECT / "pipeline-classic.yaml"
BAR = 0.9


def measure(settings: Settings) -> Result:
    words = [str(GRAPH_FILE), "--set", f"camera.uri={settings.film}"]
    graph = read_graph_argument(words[0], [words[2]])
    parts: dict[str, list[float]] = {}
    fps, limits = [], []
    for _turn in range(settings.repeats):
        costs = measure_graph(graph, words, seconds=0.5 if settings.is_quick else 2.0)
        for name, cost in costs.items():
            parts.setdefault(name, []).append(1e3 * cost.cpu_s)
        limits.append(cores() / sum(cost.cpu_s for cost in costs.values()))
        outcome = run(GRAPH_FILE, *graph_settings(settings.film))
        check_frames("the graph", outcome.delivered, settings.film_frames)
        fps.append(outcome.fps)
    return {
        "cpu_ms": {name: median(values) for name, values in parts.items()},
        "limit_fps": median(limits),
        "fps": median(fps),
        "share": median([got / limit for got, limit in zip(fps, limits, strict=True)]),
    }


def describe(result: Result) -> list[str]:
    return [
        "| part | CPU ms a frame, a copy on every core |",
        "| --- | ---: |",
        *(f"| {name} | {shown(found, '.2f')} |" for name, found in result["cpu_ms"].items()),
        "",
        f"Limit {shown(result['limit_fps'])} frames/s; reached {shown(result['fps'])}; share "
        f"**{shown(result['share'], '.1%')}** (bar {BAR:.0%}).",
    ]


def plot(result: Result, axes: object) -> None:
    names = list(result["cpu_ms"])
    axes.bar(names, [result["cpu_ms"][name]["median"] for name in names])  # type: ignore[attr-defined]
    axes.set_ylabel("CPU ms a frame")  # type: ignore[attr-defined]
