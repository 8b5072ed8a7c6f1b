import pytest
import torch

from fashion_pipeline.training.precision import computing_in, quick_precision

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
