"""What a child does to itself before anything else: its scheduling policy."""

import os
import subprocess
import sys

import pytest

_CHILD = """
import os, sys
from framegraph.nodes import child
wanted, is_refused = int(sys.argv[1]), sys.argv[2] == "refused"
os.sched_setscheduler(0, wanted, os.sched_param(0))
if is_refused:
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")
    os.sched_setscheduler = refuse
child.use_batch_scheduling()
print(os.sched_getscheduler(0))
"""


@pytest.mark.parametrize(
    ("given", "answer", "expected"),
    [
        pytest.param(os.SCHED_OTHER, "", os.SCHED_BATCH, id="usual"),
        pytest.param(os.SCHED_IDLE, "", os.SCHED_IDLE, id="launched with chrt --idle"),
        pytest.param(os.SCHED_OTHER, "refused", os.SCHED_OTHER, id="in a sandbox that forbids it"),
    ],
)
def test_a_child_asks_for_no_preemption_unless_its_launcher_was_given_a_policy(
    given: int, answer: str, expected: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(given), answer], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(expected), done.stderr
