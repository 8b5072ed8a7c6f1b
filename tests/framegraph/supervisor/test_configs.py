"""What a process is told of its stage's properties. Devices are dealt to replicas in turn; no GPU is needed
to see how.
"""

import dataclasses

import pytest

from framegraph.graph.common import COMMON
from framegraph.supervisor import configs
from framegraph.supervisor.configs import dealt_device
from framegraph.wire.config import ProcessCommon


def test_what_a_process_knows_is_a_property_of_some_kind_of_stage() -> None:
    # A name that is none would keep its default in every process, whatever a graph says.
    known = {field.name for kind in COMMON.values() for field in dataclasses.fields(kind)}
    assert {field.name for field in dataclasses.fields(ProcessCommon)} <= known


@pytest.mark.parametrize(
    ("devices", "gpu", "dealt"),
    [
        (("cpu",), False, ["cpu", "cpu", "cpu"]),
        (("cuda:0",), True, ["cuda:0", "cuda:0", "cuda:0"]),
        (("cuda:0", "cuda:1"), True, ["cuda:0", "cuda:1", "cuda:0"]),
        (("auto",), False, ["cpu", "cpu", "cpu"]),
        (("auto", "cpu"), True, ["auto", "cpu", "auto"]),
    ],
)
def test_devices_are_dealt_round(
    monkeypatch: pytest.MonkeyPatch, devices: tuple[str, ...], gpu: bool, dealt: list[str]
) -> None:
    monkeypatch.setattr(configs, "has_gpu", lambda: gpu)
    assert [dealt_device(devices, replica) for replica in range(3)] == dealt
