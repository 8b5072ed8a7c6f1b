import subprocess
import sys

import pytest
import torch

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.networks import NETWORKS, build_network

MODULES = ("labels", "model_file", "model_info", "networks", "preprocessing", "v4")


ORIGINALS = {"v1": 420_298, "v2": 844_362, "v3": 30_076_234}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_exactly_its_parameters(name):
    count = sum(p.numel() for p in build_network(name).parameters())
    assert count == NETWORKS[name].parameters == ORIGINALS.get(name, count)


def test_v4_keeps_under_a_million_parameters():
    assert NETWORKS["v4"].parameters <= 1_000_000


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_its_input_and_gives_ten_logits(name):
    width, height = NETWORKS[name].size_wh
    channels = {"grey": 1, "rgb": 3}[NETWORKS[name].color]
    network = build_network(name).eval()
    for count in (0, 1, 3):
        assert network(torch.zeros(count, channels, height, width)).shape == (count, len(LABELS))


def test_an_unknown_network_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="unknown network 'v9'; known are v1, v2"):
        build_network("v9")


def test_nothing_heavy_is_imported_with_the_package():
    names = ", ".join(f"fashion_pipeline.fashion.{module}" for module in MODULES)
    heavy = {"torch", "cv2", "onnx", "onnxruntime"}
    program = f"import sys, {names}; print(*sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []
