"""Cost of trace sampling: every run notes one frame in 25.

Two ways. In the graph: the chain of the hop's row with sampling and without (`--trace-every 0`) in turns, CPU
microseconds a frame of the middle worker and of all processes together. Alone: one call of `Recorder.note`,
for a frame that is not sampled and for one that is, files included; a worker calls it four times a frame. The
second is the sharper: what it measures drowns in the noise of the first.
"""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.graphs import Outcome, run
from benchmarks.hop import FRAMES, SIZES, chain
from benchmarks.settings import Result, Settings, median, shown
from framegraph.traces.recorder import DONE, SAMPLED_BYTES, SAMPLED_EVERY, Recorder, switch_on

TITLE = "Cost of sampling"
NOTES_A_FRAME = 4
"""Of a worker: came in, begun, done, left."""
CALLS = 200_000
CALLS_A_FLUSH = 200
"""Of a worker with 100 frames a second, for it flushes twice a second: the slower, the more a flush costs."""
WAYS: dict[str, tuple[str, ...]] = {"off": ("--trace-every", "0"), "on": ()}


def measure(settings: Settings) -> Result:
    graph = chain(SIZES["480p"], settings.scaled(FRAMES), inline=False)
    worker: dict[str, list[float]] = {way: [] for way in WAYS}
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(settings.repeats):
        # Who goes first takes turns too: what else runs on the machine drifts.
        for way in sorted(WAYS, reverse=bool(turn % 2)):
            outcome = run(graph, arguments=WAYS[way])
            worker[way].append(outcome.cpu_us("b"))
            whole[way].append(_whole_us(outcome))
    calls = {name: [call_ns(way) for _turn in range(settings.repeats)] for name, way in _CALLS.items()}
    hop_us = statistics.median(worker["off"])
    per_frame_us = [
        NOTES_A_FRAME * ((on - off) + (sampled - on) / SAMPLED_EVERY) / 1e3
        for off, on, sampled in zip(calls["off"], calls["passed by"], calls["sampled"], strict=True)
    ]
    return {
        "worker_us": {way: median(values) for way, values in worker.items()},
        "whole_us": {way: median(values) for way, values in whole.items()},
        "whole_percent": median(
            [100 * (on / off - 1) for on, off in zip(whole["on"], whole["off"], strict=True)]
        ),
        "call_ns": {name: median(values) for name, values in calls.items()},
        "frame_us": median(per_frame_us),
        "share_percent": median([100 * us / hop_us for us in per_frame_us]),
    }


def _whole_us(outcome: Outcome) -> float:
    stages = outcome.ledger["stages"].values()
    return float(1e6 * sum(one["cpu_s"] for one in stages) / outcome.delivered)


_CALLS = {"off": (0, 1), "passed by": (SAMPLED_EVERY, 1), "sampled": (SAMPLED_EVERY, SAMPLED_EVERY)}
"""{what: (each n-th frame is noted, number of the frame)}."""


def call_ns(way: tuple[int, int]) -> float:
    """CPU nanoseconds of one note with its share of writing and of the loop around it."""
    every, seq = way
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary) / "trace"
        switch_on(folder, every, SAMPLED_BYTES)
        recorder = Recorder(folder, "b.0#0")
        cpu_s = time.process_time()
        for call in range(CALLS):
            recorder.note(DONE, "blank", seq)
            # As often as one frame in 25 would have it, of a worker with 100 frames a second.
            if every and call % (CALLS_A_FLUSH // SAMPLED_EVERY) == 0:
                recorder.flush()
        return 1e9 * (time.process_time() - cpu_s) / CALLS


def describe(result: Result) -> list[str]:
    calls, worker, whole = result["call_ns"], result["worker_us"], result["whole_us"]
    return [
        f"One frame in {SAMPLED_EVERY} is noted in every run; `--trace-every 0` switches it off. 480p,",
        "pixels in place, median (lowest to highest).",
        "",
        "| CPU microseconds a frame | off | on |",
        "| --- | ---: | ---: |",
        f"| the middle worker | {shown(worker['off'], '.0f')} | {shown(worker['on'], '.0f')} |",
        f"| all processes | {shown(whole['off'], '.0f')} | {shown(whole['on'], '.0f')} |",
        "",
        f"All processes, turn by turn: {shown(result['whole_percent'], '+.1f')} % with sampling.",
        "",
        "| one call of `note`, CPU nanoseconds | |",
        "| --- | ---: |",
        *(f"| {name} | {shown(found, '.0f')} |" for name, found in calls.items()),
        "",
        f"{NOTES_A_FRAME} calls a frame in a worker, one frame in {SAMPLED_EVERY} sampled: "
        f"{shown(result['frame_us'], '.2f')} µs, {shown(result['share_percent'], '.2f')} % of this hop.",
    ]


def plot(result: Result, axes: object) -> None:
    whole = result["whole_us"]
    axes.bar(list(whole), [one["median"] for one in whole.values()])  # type: ignore[attr-defined]
    axes.set_ylabel("CPU µs a frame, all processes")  # type: ignore[attr-defined]
