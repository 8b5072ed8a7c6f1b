"""`python -m benchmarks`: measure the rows that are not measured yet, then write docs/benchmarks.md."""

import argparse
import os
import sys
import time
from pathlib import Path
from types import ModuleType

from benchmarks import (
    classifier,
    hop,
    interval,
    latency,
    limit,
    memory,
    report,
    sampling,
    scaling,
    throughput,
)
from benchmarks.films import SAMPLE, frames_in, repeated
from benchmarks.settings import RESULTS, Settings, keep, load

ROWS: dict[str, ModuleType] = {
    "throughput": throughput,
    "limit": limit,
    "hop": hop,
    "sampling": sampling,
    "scaling": scaling,
    "latency": latency,
    "memory": memory,
    "classifier": classifier,
    "interval": interval,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; none: all")
    parser.add_argument(
        "--quick", action="store_true", help="just to see that it works; into a file of its own"
    )
    parser.add_argument("--again", action="store_true", help="measure also what is measured already")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="only write docs/benchmarks.md and its plots")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    results = RESULTS.with_name("quick.json") if options.quick else RESULTS
    if not options.report:
        settings = settings_of(options)
        for name in options.rows or ROWS:
            if name in load(results) and not options.again:
                print(f"{name}: measured already; --again measures it again", flush=True)
                continue
            print(f"{name}: {ROWS[name].TITLE}", flush=True)
            started_s = time.monotonic()
            result = ROWS[name].measure(settings)
            took = {"seconds": round(time.monotonic() - started_s), "repeats": settings.repeats}
            keep(name, {**result, **took}, results)
            print("\n".join(ROWS[name].describe(result)), flush=True)
    if not options.quick:
        report.write(ROWS, load(results))
        print(f"wrote {report.PAGE}")
    return 0


def settings_of(options: argparse.Namespace) -> Settings:
    """FILM=… names another film; the sample is played twice, for it is short."""
    given = os.environ.get("FILM", "")
    if options.quick:
        film, frames = repeated(Path(given or SAMPLE), 1, RESULTS.with_name("quick.mp4"), frames=24)
    elif given:
        film, frames = Path(given).resolve(), frames_in(Path(given))
    else:
        film, frames = repeated(SAMPLE, 2, RESULTS.with_name("plaza-twice.mp4"))
    repeats = 1 if options.quick else options.repeats
    return Settings(film=film, film_frames=frames, repeats=repeats, is_quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())
