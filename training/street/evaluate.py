"""Measure the shipped model through the whole graph: `python -m training.street.evaluate TRUTH.json`.

Photos go in as a folder of images, results.jsonl comes out, and it is scored: `make evaluate-street TRUTH=…`.
With --garments, photos of one garment each are measured too: the whole picture to the classifier.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.data import read_entries
from fashion_pipeline.training.street.garments import garment_report
from fashion_pipeline.training.street.score import compare, figures, report

PROJECT = Path(__file__).resolve().parents[2]
GRAPH = Path(__file__).with_name("evaluate.yaml")
RESULTS = Path("out") / "evaluate-street.jsonl"
FRAMES_FAILED = 3  # the launcher's status for a run that is whole, though some frames were not analysed


def run_graph(photos: Path, model: str, results: Path) -> None:
    """Run evaluate.yaml on a folder of photos. Raises DataError if the graph does not run to its end."""
    results.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "photos.uri": photos,
        "crop.model": model,
        "classify.model": model,
        "results.location": results,
    }
    command = [sys.executable, str(PROJECT / "launcher.py"), str(GRAPH), "--quiet"]
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    status = subprocess.run(command, check=False).returncode
    if status not in (0, FRAMES_FAILED):
        raise DataError(f"the graph of {GRAPH.name} ended with status {status}; its own message is above")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, score and print. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.evaluate", description=__doc__)
    parser.add_argument("truth", type=Path, help="a JSON list of photos and their garments")
    parser.add_argument("--photos", type=Path, help="their folder; without it, `photos` beside TRUTH")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results.jsonl goes")
    parser.add_argument("--model", default="street", help="a street model: a name in models/ or a path")
    parser.add_argument("--score-only", action="store_true", help="score --results as it is, run nothing")
    parser.add_argument("--garments", type=Path, help="a folder of folders of photos of one garment each")
    options = parser.parse_args(arguments)
    photos = options.photos or options.truth.parent / "photos"
    try:
        read_entries(options.truth)
        if options.garments and not options.garments.is_dir():
            raise DataError(f"{options.garments}: no such folder; give a folder of folders of photos")
        if not options.score_only:
            run_graph(photos, options.model, options.results)
        comparison = compare(options.truth, options.results)
        print(report(comparison, figures(comparison)))
        if options.garments:
            print(garment_report(options.garments, options.model))
    except DataError as error:
        print(f"street: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
