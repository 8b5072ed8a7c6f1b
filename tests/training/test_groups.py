import pytest
import torch
from torch import distributed

from fashion_pipeline.training.groups import Group, GroupError, joined_group, local_device


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
