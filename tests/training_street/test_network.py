"""The network, its way to ONNX, and the gradient that is computed in our own way."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.street.backbone import Backbone, Depthwise
from fashion_pipeline.training.street.export import export_onnx
from fashion_pipeline.training.street.network import FROZEN_BLOCKS, Street, for_use, mean_of


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 1, 2), (3, 2, 0), (5, 2, 0)])
@pytest.mark.parametrize("size", [(12, 9), (13, 16)])
def test_the_depthwise_gradient_is_that_of_torch(kernel, stride, padding, size):
    torch.manual_seed(0)
    layer = Depthwise(6, 6, kernel, stride, padding, groups=6, bias=False).double().train()
    images = torch.randn(2, 6, *size, dtype=torch.double, requires_grad=True)
    plain = conv2d(images, layer.weight, None, stride, padding, 1, 6)
    weight = torch.randn_like(plain)

    own = torch.autograd.grad((layer(images) * weight).sum(), images)[0]

    assert torch.allclose(own, torch.autograd.grad((plain * weight).sum(), images)[0])


def test_the_backbone_has_the_parameters_of_the_published_one():
    assert sum(weight.numel() for weight in Backbone().parameters()) == 3_371_008


def test_freezing_leaves_the_lower_part_and_the_statistics():
    network = Street().train()
    network.freeze()

    assert not any(weight.requires_grad for weight in network.backbone.stem.parameters())
    assert not any(w.requires_grad for w in network.backbone.blocks[FROZEN_BLOCKS - 1].parameters())
    assert all(weight.requires_grad for weight in network.backbone.blocks[FROZEN_BLOCKS].parameters())
    assert not any(m.training for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_views_that_are_kept_in_bfloat16_are_learned_from_in_float32():
    stored = torch.rand(2, 80, 28, 10).bfloat16()
    scores, folders = Street().train().learn(stored, 1)
    scores.sum().backward()
    assert (scores.shape, folders.shape, scores.dtype) == ((1, 10), (1, 10), torch.float32)


@pytest.fixture(scope="module")
def trained():
    """A network that differs from a new one everywhere, with 3 tags."""
    torch.manual_seed(0)
    network = Street(tags=3).eval()
    with torch.no_grad():
        network.worn.attention.weight.normal_(0, 0.02)
        network.worn.places.normal_()
    return network


def test_calibration_is_inside_the_weights(trained):
    looks = torch.randn(2, 3, 448, 160)
    scales, offsets = np.linspace(0.5, 1.4, 10), np.linspace(-1, 1, 10)

    with torch.inference_mode():
        scores, _, maps = trained(looks)
        own_scores, _, own_maps = for_use(trained, scales.tolist(), offsets.tolist())(looks)

    expected = scores[:, :10] * torch.tensor(scales) + torch.tensor(offsets)
    assert torch.allclose(own_scores, expected.float(), atol=1e-4)
    assert torch.allclose(own_maps, maps[:, : len(LABELS)])


def test_the_mean_of_a_network_and_itself_is_itself_and_of_two_lies_between(trained):
    torch.manual_seed(1)
    other = Street(tags=3)

    same, mixed = mean_of([trained, trained]), mean_of([trained, other])

    assert all(torch.equal(same.state_dict()[name], value) for name, value in trained.state_dict().items())
    assert torch.allclose(mixed.worn.places, trained.worn.places / 2)


def test_the_onnx_file_answers_as_the_network_does(trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    network = for_use(trained, [1.0] * 10, [0.0] * 10)
    path = tmp_path / "street.onnx"
    export_onnx(network, path, {"model": "street"})
    looks = torch.randn(3, 3, 448, 160)

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    scores, folders, maps = session.run(["scores", "folders", "maps"], {"images": looks.numpy()})

    with torch.inference_mode():
        expected = [part.numpy() for part in network(looks)]
    assert path.stat().st_size < 8_000_000
    # Weights rounded to 16 bits.
    for found, wanted in zip((scores, folders, maps), expected, strict=True):
        assert np.allclose(found, wanted, atol=0.02)
    assert np.allclose(maps.sum((2, 3)), 1, atol=1e-4)
