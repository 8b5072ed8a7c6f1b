"""Devices are dealt to replicas in turn; no GPU is needed to see how."""

import pytest

from framegraph.supervisor import configs
from framegraph.supervisor.configs import dealt_device


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
