"""Processes that train end with the one that began them."""

import signal
import subprocess
import sys

import psutil
import pytest

from tests.launching import PROJECT, wait_for

PARENT = """
import time
from fashion_pipeline.training.street.pool import make_pool

if __name__ == "__main__":
    with make_pool(1) as pool:
        pool.submit(print, "at work", flush=True).result()
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_parent(tmp_path, number):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(PROJECT)}
    ) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "at work\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.send_signal(number)
        parent.wait(60)
        wait_for(lambda: not any(child.is_running() for child in children), "end of the pool's processes")
