import dataclasses
from typing import Any

import pytest

from fashion_pipeline.training import runs as runs_module
from fashion_pipeline.training.recipes import recipe_for
from fashion_pipeline.training.runs import EpochReport, Job, TrainingProgress, duration

JOB = Job(
    model="v1",
    recipe=dataclasses.replace(recipe_for("v1", "modern"), epochs=4),
    seed=0,
    precision="float32",
)
REPORT = EpochReport(epoch=1, loss=1.5, accuracy=0.5, held_out=0.75, seconds=90.0, cpu_seconds=80.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (130, "2 min"), (5_990, "1 h 40 min"), (7_260, "2 h 01 min")],
)
def test_a_duration_is_told_as_a_reader_wants_it(seconds, text):
    assert duration(seconds) == text


def test_an_epoch_is_one_line_with_the_time_left(tmp_path):
    path = tmp_path / "new" / "run.log"
    with TrainingProgress("run", JOB, path, is_shown=True) as progress:
        progress.on_step(1, 10)
        progress.on_epoch(REPORT)
    assert path.read_text() == (
        "run  epoch 1/4  loss 1.5000  seen 50.00%  held out 75.00%  90.0 s (80.0 s CPU)  left 4 min\n"
    )


def test_a_resumed_run_appends_to_its_log_and_a_new_one_writes_it_anew(tmp_path):
    path = tmp_path / "run.log"
    for epochs in ([1, 2], [3], [1, 2, 3, 4]):
        with TrainingProgress("run", JOB, path, is_shown=True) as progress:
            for epoch in epochs:
                progress.on_epoch(dataclasses.replace(REPORT, epoch=epoch))
        counted = [line.split()[2] for line in path.read_text().splitlines()]
        assert counted == [f"{epoch}/4" for epoch in range(1, epochs[-1] + 1)]


def test_only_the_first_process_of_a_group_writes(tmp_path):
    with TrainingProgress("run", JOB, tmp_path / "run.log", is_shown=False):
        pass
    assert not list(tmp_path.iterdir())


def test_a_bar_counts_on_where_a_resumed_run_starts(tmp_path, monkeypatch):
    bars: list[Any] = []

    class Bar:
        def __init__(self, **settings):
            bars.append(settings)
            self.update = lambda: bars.append("step")
            self.close = lambda: bars.append("closed")

    monkeypatch.setattr(runs_module, "tqdm", Bar)
    with TrainingProgress("run", JOB, tmp_path / "run.log", is_shown=True) as progress:
        progress.on_step(7, 10)
        progress.on_step(8, 10)
    assert (bars[0]["initial"], bars[0]["total"]) == (6, 10)
    assert bars[1:] == ["step", "step", "closed"]
