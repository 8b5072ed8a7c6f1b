"""Freed memory is kept for the next step."""

import subprocess
import sys

BLOCK_BYTES = 50 << 20
ROUNDS = 20
LARGEST_PAGES = BLOCK_BYTES >> 21
# Prints the page faults of the last round, with and without what is tested.
PROGRAM = f"""
import ctypes, resource, sys
from fashion_pipeline.training.memory import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range({ROUNDS}):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t({BLOCK_BYTES})))
    ctypes.memset(block, 1, {BLOCK_BYTES})
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout)


def test_a_large_block_that_was_freed_is_found_ready():
    assert page_faults("as it is") >= LARGEST_PAGES
    assert page_faults("kept") < 10
