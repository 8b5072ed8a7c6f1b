"""`python -m tests.drills.cost`: what share of a frame's CPU time the guarantees cost when nothing goes wrong.

A sampling profiler looks at all processes of the default graph on the looped film. A sample counts for the
guarantees when frame_store, order, progress or commit code is anywhere on its stack.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PARTS = {
    "the frame store": ("frames/store.py", "frames/layout.py", "frames/dispatch.py"),
    "order": ("framegraph/delivery/order.py",),
    "progress": ("framegraph/support/progress.py", "_write_progress (framegraph/delivery/output.py"),
    "acknowledgement links": ("delivery/acknowledging.py", "delivery/acknowledgers.py"),
}


def profile(seconds: int, rate: int) -> Counter[str]:
    """Return samples by stack of all processes of a run."""
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        raw = Path(folder) / "stacks"
        overrides = [
            f"camera.uri={PROJECT / 'samples/plaza.mp4'}",
            "camera.loop=true",
            f"film.location={folder}/film.mp4",
            f"results.location={folder}/results.jsonl",
        ]
        words = [word for override in overrides for word in ("--set", override)]
        launcher = subprocess.Popen(
            [sys.executable, str(PROJECT / "launcher.py"), str(PROJECT / "pipeline.yaml"), *words, "--quiet"],
            stdout=subprocess.DEVNULL,
        )
        try:
            deadline_s = time.monotonic() + 60
            while (
                not (Path(folder) / "results.jsonl").exists()
                or not (Path(folder) / "results.jsonl").stat().st_size
            ):
                if time.monotonic() > deadline_s or launcher.poll() is not None:
                    raise SystemExit("the run has not started")
                time.sleep(0.1)
            recorder = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(launcher.pid)]
            options = ["--subprocesses", "--format", "raw", "--rate", str(rate), "--duration", str(seconds)]
            subprocess.run(
                [*recorder, *options, "--output", str(raw), "--full-filenames"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        finally:
            launcher.terminate()
            launcher.wait(60)
        stacks: Counter[str] = Counter()
        for line in raw.read_text().splitlines():
            stack, _space, count = line.rpartition(" ")
            stacks[stack] += int(count)
        return stacks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=100, help="samples a second of each process")
    options = parser.parse_args()
    stacks = profile(options.seconds, options.rate)
    total = sum(stacks.values())
    print(f"{total} samples of {options.seconds} s")
    whole = 0
    for part, places in PARTS.items():
        found = sum(count for stack, count in stacks.items() if any(place in stack for place in places))
        whole += found
        print(f"{part:12s} {found / total:6.2%}")
    print(f"{'in all':12s} {whole / total:6.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
