"""Measure how well a graph finds and follows people: `python -m training.people.evaluate gt.txt FILM`.

The film runs through the graph, pipeline.yaml if no other is named, and its records are scored against the
truth. What the launcher takes by --set may be given too, so that detectors and settings can be compared.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.people.score import read_found, read_truth, score

PROJECT = Path(__file__).resolve().parents[2]
RESULTS, PICTURE = Path("out/evaluate-people.jsonl"), Path("out/evaluate-people.mp4")


def run_graph(graph: Path, film: str, settings: Sequence[str]) -> None:
    """Run a graph whose stages are called as in pipeline.yaml. Raises DataError if it does not end well."""
    own = [f"camera.uri={film}", f"results.location={RESULTS}", "results.overwrite=true"]
    own += [f"film.location={PICTURE}", "film.overwrite=true"]
    command = [sys.executable, str(PROJECT / "launcher.py"), str(graph), "--quiet"]
    command += [part for setting in (*own, *settings) for part in ("--set", setting)]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise DataError(f"the graph of {graph} ended with status {status}; its own message is above")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, score and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.people.evaluate", description=__doc__)
    parser.add_argument("truth", type=Path, help="a gt.txt of the MOT Challenge")
    parser.add_argument("film", help="the film that it is of")
    parser.add_argument("--graph", type=Path, default=PROJECT / "pipeline.yaml")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="STAGE.PROPERTY=VALUE")
    options = parser.parse_args(arguments)
    try:
        truth = read_truth(options.truth)
        run_graph(options.graph, options.film, options.settings)
        print(score(truth, read_found(RESULTS)))
    except DataError as error:
        print(f"people: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
