"""The memory of a classify process does not depend on how many people a batch had."""

import subprocess
import sys

import pytest

from tests.launching import PROJECT

LOOK_ONCE = """
import numpy as np, pathlib, sys
from fashion_pipeline.fashion.classifiers import open_classifier
classifier = open_classifier("street", "auto", threads=1, device="cpu")
crop = np.zeros(classifier.crop_shape, np.uint8)
people = int(sys.argv[1])
assert len(classifier.predict([crop] * people, [[0, 0, 10, 30]] * people)) == people
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")))
"""


def held_mb(people: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", LOOK_ONCE, str(people)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1000


@pytest.mark.slow
def test_a_batch_of_many_people_takes_no_more_memory_than_one_of_few() -> None:
    # In one pass, the 24 people would take about 300 MB more than the one.
    assert held_mb(24) < held_mb(1) + 30
