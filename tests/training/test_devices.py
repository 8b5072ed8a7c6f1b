import subprocess
import sys

import pytest
import torch
from torch import distributed

from fashion_pipeline.training.devices import (
    Group,
    GroupError,
    computing_in,
    joined_group,
    local_device,
    quick_precision,
)


def test_a_gpu_beyond_those_there_are_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert local_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(GroupError, match="--device cuda:2: GPU number 2 is not there; torch finds 2"):
        local_device("cuda:2")


def test_each_process_of_several_gpus_has_its_own(monkeypatch):
    made = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: made.append(("current", device)))
    monkeypatch.setattr(
        distributed, "init_process_group", lambda backend, device_id: made.append((backend, device_id))
    )
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    for name in ("barrier", "destroy_process_group"):
        monkeypatch.setattr(distributed, name, lambda name=name: made.append(name))
    gpu = torch.device("cuda", 1)
    with joined_group(gpu) as group:
        assert (group.rank, group.size) == (1, 2)
    assert made == [("current", gpu), ("nccl", gpu), "barrier", "destroy_process_group"]


def test_a_batch_that_cannot_be_dealt_evenly_is_refused():
    assert Group(rank=1, size=4).share_of(128) == slice(32, 64)
    parts = [Group(rank=rank, size=3).part_of(128) for rank in range(3)]
    assert parts == [slice(0, 42), slice(42, 85), slice(85, 128)]
    with pytest.raises(GroupError, match="a batch of 128 cannot be dealt evenly to 3 processes"):
        Group(rank=0, size=3).share_of(128)


def test_processes_that_would_go_on_from_unlike_states_are_refused(monkeypatch):
    def gather(found, value):
        found[:] = ["10 epochs done", "0 epochs done"]

    monkeypatch.setattr(distributed, "all_gather_object", gather)
    with pytest.raises(
        GroupError, match=r"differ in what they go on from \(process 0: 10 epochs done, process 1"
    ):
        Group(rank=0, size=2).require_agreement("10 epochs done", "what they go on from")


CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "quick"),
    [
        ({}, "float32"),
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"neon": True, "bf16": True}, "bfloat16"),
    ],
)
def test_bfloat16_is_for_cpus_that_have_instructions_for_it(monkeypatch, able, quick):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert quick_precision(CPU) == quick


@pytest.mark.parametrize("is_able", [True, False])
def test_a_gpu_is_asked_whether_it_has_bfloat16_of_its_own(monkeypatch, is_able):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: is_able)
    assert quick_precision(torch.device("cuda")) == ("bfloat16" if is_able else "float32")


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_network_is_computed_in_the_precision_that_is_said(precision):
    with computing_in(precision, CPU):
        answers = torch.nn.Linear(2, 2)(torch.zeros(1, 2))
    assert answers.dtype == getattr(torch, precision)


BLOCK_BYTES = 50 << 20
ROUNDS = 5
LARGEST_PAGES = BLOCK_BYTES >> 21
# Prints the page faults of the last round, with and without what is tested.
PROGRAM = f"""
import ctypes, resource, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "kept":
    from fashion_pipeline.training.devices import keep_freed_memory
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


@pytest.mark.slow
def test_a_large_block_that_was_freed_is_found_ready():
    assert page_faults("as it is") >= LARGEST_PAGES
    assert page_faults("kept") < 10
