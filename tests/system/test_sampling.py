"""Every run samples its frames: the summary, the ledger and `launcher.py trace` say where their time goes."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from framegraph.traces.recorder import SAMPLED_EVERY
from framegraph.traces.samples import frames_of
from framegraph.traces.timeline import describe_frame, read_trace
from tests.controlling import Remote, launcher, ticking_graph
from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph

FRAMES = 4 * SAMPLED_EVERY


@pytest.mark.slow
def test_the_summary_and_the_ledger_of_any_run_say_where_frames_spent_their_time(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=FRAMES, ordered=True, work={"sleep_ms": 8.0})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert (
            f"milliseconds of a frame, p50 and p95 (frames sampled: {FRAMES // SAMPLED_EVERY}):" in run.stdout
        )
        assert [line.split()[0] for line in run.stdout.splitlines() if line.startswith("  work ")]
    times = json.loads((tmp_path / "out/ledger.json").read_text())["frame_times_ms"]
    assert (times["every"], times["frames"]) == (SAMPLED_EVERY, FRAMES // SAMPLED_EVERY)
    assert list(times["stages"])[:3] == ["counter", "work", "tally"]
    assert set(times["stages"]) == {"counter", "work", "tally", "results", "film"}
    assert set(times["stages"]["counter"]) == {"held back"}
    assert set(times["stages"]["work"]) == {"transport", "waiting", "service", "held back"}
    assert set(times["stages"]["results"]) == {"transport", "waiting", "service"}
    service = times["stages"]["work"]["service"]
    assert service["n"] == FRAMES // SAMPLED_EVERY
    assert 8.0 <= service["p50"] <= service["p95"]


@pytest.mark.slow
def test_a_running_graph_is_asked_also_after_a_kill_and_without_its_notes(tmp_path: Path) -> None:
    with Launched(ticking_graph(tmp_path, work={"sleep_ms": 4}), "--quiet", folder=tmp_path) as run:
        remote = Remote(run)

        def shown_through(process: str) -> str:
            """What the command says once a frame was noted on its way through this process."""

            def look() -> str:
                said = launcher(run, "trace").stdout
                return said if f"{process} to results.0#0" in said else ""

            return str(wait_for(look, f"samples through {process}", run))

        shown_through("work.0#0")
        run.child("work.0").send_signal(signal.SIGKILL)
        said = shown_through("work.0#1")
        assert f"one frame in {SAMPLED_EVERY} is noted" in said
        for row in ("  a ", "  work ", "  results "):
            assert any(line.startswith(row) for line in said.splitlines()), said

        path = tmp_path / "saved/trace.json"
        saved = launcher(run, "trace", "--save", str(path))
        assert saved.stdout.endswith(f"wrote {path} (ui.perfetto.dev draws it)\n"), saved.stderr
        trace = read_trace(path)
        again = [seq for _source, seq in frames_of(trace) if seq % SAMPLED_EVERY]
        assert again, "the frames that were out when the worker died were noted"
        tried = describe_frame(trace, f"a:{again[0]}")
        assert any("transport: a.0#0 to work.0#1" in line for line in tried)

        shown = launcher(run, "trace", "--frame", "a:0")
        assert "service: work.0#0" in shown.stdout, shown.stderr
        refused = launcher(run, "trace", "--frame", "a:1")
        assert refused.returncode == 2
        assert "--frame a:1: it was not sampled" in refused.stderr
        assert "the nearest is a:0; a run with --trace FILE keeps every frame" in refused.stderr
        assert (
            "no frame of 'b' was sampled; of these were: a" in launcher(run, "trace", "--frame", "b:0").stderr
        )
        assert "expected SOURCE:SEQ" in launcher(run, "trace", "--frame", "a").stderr
        lost = launcher(run, "trace", "--save", "/proc/trace.json")
        assert (lost.returncode, "Traceback" in lost.stderr) == (2, False), lost.stderr

        # The worst of disks: what was noted is gone, and nothing can be noted any more.
        shutil.rmtree(remote.folder / "trace")
        remote.wait_delivered("a", 3 * SAMPLED_EVERY)
        wait_for(lambda: "cannot note where frames spend their time" in run.stderr + run.stdout, "a warning")
        remote.ask("stop")
        assert run.wait() == 0, run.stderr
    assert "milliseconds of a frame" not in run_text(tmp_path), "--quiet"
    seqs = [record["seq"] for record in lines(tmp_path / "out/a.jsonl")]
    assert seqs == list(range(len(seqs)))


@pytest.mark.slow
def test_notes_can_be_switched_off(tmp_path: Path) -> None:
    with Launched(ticking_graph(tmp_path), "--trace-every", "0", folder=tmp_path) as run:
        remote = Remote(run)
        remote.wait_delivered("a", SAMPLED_EVERY)
        refused = launcher(run, "trace")
        assert refused.returncode == 2
        assert "notes no frames: it was started with --trace-every 0" in refused.stderr
        assert not (remote.folder / "trace").exists()
        remote.ask("stop")
        assert run.wait() == 0, run.stderr
    assert "milliseconds of a frame" not in run_text(tmp_path)
    times = json.loads((tmp_path / "out/ledger.json").read_text())["frame_times_ms"]
    assert times == {"every": 0, "frames": 0, "stages": {}}


def run_text(folder: Path) -> str:
    return (folder / "launcher.out").read_text()
