"""Sources that come and go, replicas that come and go, and many sources at one worker, on real processes.

python -m tests.drills.control attach --times 200
python -m tests.drills.control scale --times 50 [--kill]
python -m tests.drills.control fair --seconds 30
python -m tests.drills.control churn --times 50     attach, detach and scale while processes are killed
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from framegraph.view.listing import listing
from tests.controlling import Remote, ticking_graph
from tests.launching import Launched, lines, wait_for

WARM_TIMES = 5
"""Repeats after which memory and descriptors are at their level."""
LOOKS, LOOK_PERIOD_S = 10, 0.05


@contextlib.contextmanager
def running(folder: Path, graph: Path) -> Iterator[tuple[Launched, Remote]]:
    """A run that has delivered its first frames."""
    with Launched(graph, "--quiet", folder=folder) as run:
        remote = Remote(run)
        wait_for((folder / "out" / "a.jsonl").exists, "output of a", run)
        remote.wait_delivered("a", 5)
        yield run, remote


def end(run: Launched, remote: Remote, folder: Path) -> dict[str, Any]:
    """Stop the run; return its ledger file, which has to balance."""
    remote.ask("stop")
    assert run.wait() == 0, run.stderr
    ledger: dict[str, Any] = json.loads((folder / "out" / "ledger.json").read_text())
    assert ledger["balanced"], ledger
    assert not any(sums["in_flight"] for sums in ledger["sources"].values()), ledger
    return ledger


def check_whole(folder: Path, ledger: dict[str, Any], name: str) -> int:
    """Every captured frame of a source that drops none is in its file once, in order; return how many came
    by more than one try."""
    records = lines(folder / "out" / f"{name}.jsonl")
    assert [record["seq"] for record in records] == list(range(ledger["sources"][name]["captured"])), name
    assert all(record["status"] == "ok" for record in records), name
    return sum(record["attempt"] > 0 for record in records)


def footprint(run: Launched, remote: Remote) -> dict[str, int]:
    """What a run holds: the least of some looks, for a process at work opens a file now and then and closes it."""
    looks = []
    for _look in range(LOOKS):
        looks.append(_look_at(run, remote))
        time.sleep(LOOK_PERIOD_S)
    return {what: min(look[what] for look in looks) for what in looks[0]}


def _look_at(run: Launched, remote: Remote) -> dict[str, int]:
    """Processes, descriptors, memory, files in the run's folder and in /dev/shm."""
    found = {"processes": 0, "descriptors": 0, "kilobytes": 0, "mappings": 0}
    for process in [run.process.pid, *(child.pid for child in run.children())]:
        found["processes"] += 1
        found["descriptors"] += len(os.listdir(f"/proc/{process}/fd"))
        found["kilobytes"] += psutil.Process(process).memory_full_info().uss // 1024
        found["mappings"] += Path(f"/proc/{process}/maps").read_text().count("/dev/shm/")
    found["files"] = sum(1 for path in remote.folder.rglob("*") if path.is_file() or path.is_socket())
    found["shm"] = len(list(Path("/dev/shm").glob(f"{remote.folder.name}-*")))
    return found


def attach_and_detach(folder: Path, times: int) -> tuple[dict[str, int], dict[str, int], int]:
    """Attach and detach a source so many times; return the footprint when warm, at the end, and how many
    frames of the other source came by more than one try."""
    graph = ticking_graph(folder, a={"fps": 50})
    with running(folder, graph) as (run, remote):
        warm: dict[str, int] = {}
        for number in range(times + WARM_TIMES):
            remote.attach("b", live=False, fps=50)
            wait_for(lambda: remote.delivered("b") >= 3, "frames of b", run)
            remote.detach("b")
            if number == WARM_TIMES - 1:
                warm = footprint(run, remote)
        last = footprint(run, remote)
        ledger = end(run, remote, folder)
        return warm, last, check_whole(folder, ledger, "a")


def scale_up_and_down(folder: Path, times: int, *, kill: bool) -> tuple[int, int]:
    """1 -> 3 -> 1 so many times under load; with `kill`, a replica is killed as it drains. Return the frames and
    how many came by more than one try."""
    chooser = random.Random(times)
    graph = ticking_graph(folder, a={"frame_store": 40}, work={"sleep_ms": 5})
    with running(folder, graph) as (run, remote):
        for _time in range(times):
            remote.scale("work", 3)
            wait_for(lambda: _fed(remote, "work.2"), "packets for the new replica", run)
            if kill:
                victim = run.child(f"work.{chooser.choice((1, 2))}")
                victim.send_signal(signal.SIGKILL)
            remote.scale("work", 1)
            assert len(remote.ask("list")["replicas"]) == 3
        ledger = end(run, remote, folder)
        return ledger["sources"]["a"]["captured"], check_whole(folder, ledger, "a")


def _fed(remote: Remote, name: str) -> bool:
    return any(row["name"] == name and row["frames"] > 0 for row in remote.ask("list")["replicas"])


def churn(folder: Path, times: int, seed: int = 1) -> dict[str, Any]:
    """Attach, detach and scale while random processes are killed; return the ledger."""
    chooser = random.Random(seed)
    graph = ticking_graph(folder, ordered=True, a={"frame_store": 40}, work={"sleep_ms": 3})
    with running(folder, graph) as (run, remote):
        for number in range(times):
            remote.attach(f"b{number}", live=False, fps=50)
            _kill_one(run, chooser)
            remote.scale("work", chooser.choice((1, 2, 3)))
            _kill_one(run, chooser)
            remote.wait_delivered(f"b{number}", 3)
            _kill_one(run, chooser, f"b{number}.0")
            remote.detach(f"b{number}")
        ledger = end(run, remote, folder)
    for name in ledger["sources"]:
        check_whole(folder, ledger, name)
    return ledger


def _kill_one(run: Launched, chooser: random.Random, name: str = "") -> None:
    alive = run.children()
    chosen = [child for child in alive if name in " ".join(child.cmdline())] if name else alive
    with contextlib.suppress(psutil.NoSuchProcess):
        chooser.choice(chosen or alive).send_signal(signal.SIGKILL)


def many_sources(
    folder: Path, seconds: float, *, sources: int = 8, fps: float = 10.0
) -> tuple[str, list[float]]:
    """So many live sources of 640x360 at one worker; return what `list` shows, and the rates delivered."""
    picture = {"fps": fps, "width": 640, "height": 360, "live": True}
    others: dict[str, Any] = {f"cam{number}": picture for number in range(2, sources + 1)}
    graph = ticking_graph(folder, a=picture, **others)
    with running(folder, graph) as (run, remote):
        for name in others:
            wait_for(partial(remote.delivered, name), f"frames of {name}", run)
        before = {row["name"]: row["ledger"]["delivered"] for row in remote.ask("list")["sources"]}
        begun_s = time.monotonic()
        time.sleep(seconds)
        data = remote.ask("list")
        elapsed_s = time.monotonic() - begun_s
        rates = [(row["ledger"]["delivered"] - before[row["name"]]) / elapsed_s for row in data["sources"]]
        end(run, remote, folder)
        return listing(data), rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("attach", "scale", "fair", "churn"))
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kill", action="store_true", help="scale: kill a replica each time as it drains")
    options = parser.parse_args()
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cameras-") as name:
        folder = Path(name)
        if options.what == "attach":
            warm, last, again = attach_and_detach(folder, options.times)
            print(f"after {WARM_TIMES}: {warm}\nafter {WARM_TIMES + options.times}: {last}")
            print(f"frames of the other source that were sent again: {again}")
        elif options.what == "scale":
            frames, again = scale_up_and_down(folder, options.times, kill=options.kill)
            print(f"{frames} frames, each once and in order; {again} of them sent again")
        elif options.what == "churn":
            sums = churn(folder, options.times)["sources"]
            print(f"{len(sums)} sources, {sum(one['captured'] for one in sums.values())} frames, each once")
        else:
            table, rates = many_sources(folder, options.seconds)
            print(table, "\ndelivered/s:", " ".join(f"{rate:.1f}" for rate in rates))
    print(f"{options.what}: {time.monotonic() - begun_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
