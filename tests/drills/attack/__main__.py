"""`make attack`: 200,000 damaged inputs to everything that reads one, then runs under attack; under ten minutes.

What was found is printed, and written as the table of docs/guarantees.md. The status is 1 if anything broke.
"""

import argparse
import random
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.drills.attack.mutations import damaged, text
from tests.drills.attack.targets import Target, all_targets

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "guarantees.md"
BEGIN, END = "<!-- attacks -->", "<!-- end of attacks -->"
CASES = 200_000
SHARES = {"packets": 8, "messages": 8, "texts for people": 6, "frame store files": 1, "graph files": 1}
"""Of the cases; 3 where nothing is said. Files take longer."""
RUNS = {
    "a frame that ends its stage in any way": "tests/system/test_poison.py",
    "outputs moved, removed or cut meanwhile": "tests/system/test_changed_outputs.py",
    "programs and forks of stages; all signalled at once": "tests/system/test_nothing_is_left.py",
    "junk on every socket": "tests/system/test_junk.py",
    "logs and outputs that cannot be written": "tests/system/test_words_that_cannot_be_printed.py",
    "what others put where our folders and pools are": "tests/framegraph/run_files/test_own_folders.py",
}


@dataclass
class Found:
    """What an attack has come to."""

    name: str
    how: str
    cases: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def row(self) -> str:
        result = f"**{len(self.broken)} broke it**" if self.broken else "held"
        return f"| {self.name} | {self.how} | {self.cases:,} | {result} |"


def fuzz(target: Target, cases: int, seed: int) -> Found:
    """Give a target so many damaged inputs."""
    chooser = random.Random(f"{seed} {target.name}")
    found = Found(
        target.name, "pieces with a meaning, at random" if target.is_text else "cut, changed, mixed, noise"
    )
    for _ in range(cases):
        given = text(chooser) if target.is_text else damaged(chooser, target.valid)
        found.cases += 1
        try:
            target.read(given)
        except target.allowed:
            continue
        except Exception:
            found.broken.append(f"{given!r}\n{traceback.format_exc()}")
            if len(found.broken) >= 5:
                break
    return found


def run_tests(name: str, path: str) -> Found:
    """Carry out the attacks of a file of tests, the long ones too."""
    command = [sys.executable, "-m", "pytest", "-q", path]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    found = Found(
        name, f"`pytest {path}`", cases=sum(line.count(".") for line in lines if line.endswith("%]"))
    )
    if done.returncode:
        found.broken = [line for line in lines if line.startswith("FAILED")] or [done.stdout[-2000:]]
    return found


def write_table(results: list[Found]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _begin, rest = page.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    rows = ["| attack | how | n | result |", "| --- | --- | ---: | --- |", *(found.row for found in results)]
    PAGE.write_text("\n".join([before + BEGIN, *rows, END + after]), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.attack", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=20261201)
    parser.add_argument("--only-fuzz", action="store_true", help="no runs, and the page stays as it is")
    options = parser.parse_args(arguments)
    started_s, results = time.monotonic(), list[Found]()
    with all_targets() as targets:
        whole = sum(SHARES.get(target.name, 3) for target in targets)
        for target in targets:
            cases = max(1, options.cases * SHARES.get(target.name, 3) // whole)
            results.append(fuzz(target, cases, options.seed))
            print(results[-1].row, *results[-1].broken[:1], sep="\n", flush=True)
    if not options.only_fuzz:
        for name, path in RUNS.items():
            results.append(run_tests(name, path))
            print(results[-1].row, *results[-1].broken[:3], sep="\n", flush=True)
        write_table(results)
    cases = sum(found.cases for found in results)
    print(f"{cases:,} cases after {time.monotonic() - started_s:.0f} s")
    return 1 if any(found.broken for found in results) else 0


if __name__ == "__main__":
    sys.exit(main())
