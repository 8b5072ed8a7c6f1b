"""The sums of a batch over all its inputs."""

from __future__ import annotations

from collections import Counter

from framegraph.launch.batch_outcome import FRAMES
from framegraph.run_files.batch_folder import DONE, FAILED, Record
from framegraph.view.batch import BatchRow, shown

MAX_FAILURES_SHOWN = 20


class BatchTally:
    """What became of the inputs that have ended, in this command and in earlier ones."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Inputs by outcome."""
        self.failures: list[BatchRow] = []
        """The first of those that failed."""
        self._sums: dict[str, Counter[str]] = {FRAMES: Counter()}

    def add(self, record: Record) -> None:
        self.counts[record.outcome] += 1
        for group, numbers in record.sums.items():
            self._sums.setdefault(group, Counter()).update(numbers)
        if record.outcome == FAILED and len(self.failures) < MAX_FAILURES_SHOWN:
            self.failures.append(BatchRow(uri=record.uri, state=FAILED, words=record.why))

    @property
    def is_all_well(self) -> bool:
        """Whether no input has failed, and every frame was analysed."""
        not_analysed = any(
            count and (name.startswith("failed") or name == "dropped (undecodable)")
            for name, count in self._sums[FRAMES].items()
        )
        return not self.counts[FAILED] and not not_analysed

    def describe(self, total: int) -> list[str]:
        """Return the summary of a batch of `total` inputs, line by line."""
        done, failed = self.counts[DONE], self.counts[FAILED]
        left = total - done - failed
        named = [f"{done} done", *([f"{failed} failed"] if failed else [])]
        lines = [f"{total} inputs: {', '.join([*named, *([f'{left} not finished'] if left else [])])}"]
        for group, numbers in self._sums.items():
            if numbers:
                counted = ", ".join(f"{name} {count}" for name, count in numbers.most_common())
                lines.append(f"  {group}: {shown(counted)}")
        lines += [f"  failed: {shown(row.uri)}: {shown(row.words)}" for row in self.failures]
        if failed > len(self.failures):
            lines.append(f"  failed: and {failed - len(self.failures)} more")
        return lines
