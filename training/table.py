"""Make the results table of README.md from the records of runs: `python -m training.table`."""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from fashion_pipeline.training.metrics import read_records

COLUMNS = (
    "model",
    "recipe",
    "epochs",
    "n",
    "accuracy, mean (std)",
    "with flip",
    "each",
    "ECE",
    "parameters",
    "CPU min each",
)


def table(records: list[dict[str, Any]]) -> str:
    """A Markdown table, a row for each model, recipe and number of epochs. The std is that of the sample."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[record["model"], record["recipe"]["name"], str(record["recipe"]["epochs"])].append(record)
    head = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    return "\n".join([*head, *(_row(key, runs) for key, runs in sorted(groups.items()))])


def _row(key: tuple[str, str, str], runs: list[dict[str, Any]]) -> str:
    runs = sorted(runs, key=lambda run: run["seed"])
    found = [100 * run["accuracy"] for run in runs]
    spread = f" ({statistics.stdev(found):.2f})" if len(found) > 1 else ""
    cells = [
        *key,
        str(len(runs)),
        f"{statistics.mean(found):.2f}{spread}",
        f"{statistics.mean(100 * run['accuracy_with_flip'] for run in runs):.2f}",
        ", ".join(f"{accuracy:.2f}" for accuracy in found),
        f"{statistics.mean(run['ece'] for run in runs):.3f}",
        f"{runs[0]['parameters']:,}",
        # Not their mean: another machine or precision makes another time, and the same accuracy.
        ", ".join(f"{run['cpu_seconds'] / 60:.1f}" for run in runs),
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Print the table of a folder of records."""
    parser = argparse.ArgumentParser(prog="python -m training.table", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("training/results"))
    print(table(read_records(parser.parse_args(arguments).folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
