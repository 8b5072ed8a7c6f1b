"""Processes that train side by side. Importing this loads no torch."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def make_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of `jobs` fresh processes. However their parent ends, they don't outlive it."""
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    # A parent that was killed tells nobody, and its processes would work on for hours.
    threading.Thread(target=_wait_for_end_of_parent, name="parent", daemon=True).start()


def _wait_for_end_of_parent() -> None:
    parent = parent_process()
    assert parent is not None, "this runs in a process of a pool"
    parent.join()
    os._exit(1)
