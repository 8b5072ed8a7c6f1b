"""Tell how far a run is."""

from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tqdm import tqdm

from fashion_pipeline.training.job import Job
from fashion_pipeline.training.state import EpochReport


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


class Progress:
    """A bar with the time left, and a line an epoch, on the screen and in a log file: a run writes it anew,
    and appends to it when it goes on after a stop.

    is_shown: False in all but the first process of a group; then nothing is written.
    """

    def __init__(self, name: str, job: Job, log_path: Path, *, is_shown: bool) -> None:
        self.name = name
        self.epochs = job.recipe.epochs
        self.log_path = log_path
        self.is_shown = is_shown
        self.log: IO[str] | None = None
        self.bar: tqdm | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        if self.log is not None:
            self.log.close()

    def on_step(self, step: int, steps: int) -> None:
        if self.bar is None:
            # Made here, because only the first step tells where a resumed run starts; the time left is then
            # by the steps of this process. disable=None: no bar where there is no terminal.
            self.bar = tqdm(desc=self.name, unit="step", total=steps, initial=step - 1, disable=None)
        self.bar.update()

    def on_epoch(self, report: EpochReport) -> None:
        held_out = "" if report.held_out is None else f"held out {report.held_out:.2%}  "
        left = duration(report.seconds * (self.epochs - report.epoch))
        line = (
            f"{self.name}  epoch {report.epoch}/{self.epochs}  loss {report.loss:.4f}  "
            f"seen {report.accuracy:.2%}  {held_out}"
            f"{report.seconds:.1f} s ({report.cpu_seconds:.1f} s CPU)  left {left}"
        )
        if not self.is_shown:
            return
        if self.log is None:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            mode = "w" if report.epoch == 1 else "a"
            self.log = self.log_path.open(mode, encoding="utf-8")
        self.log.write(line + "\n")
        self.log.flush()
        tqdm.write(line)
