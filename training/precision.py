"""What networks are computed in while they train: bfloat16 where the device is quick in it, else float32."""

import torch

PRECISIONS = ("bfloat16", "float32")
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""torch's names for what makes a CPU of Intel's or AMD's, or of Arm's, quick in bfloat16."""


def quick_precision(device: torch.device) -> str:
    """Return which of PRECISIONS is the quicker one on a device.

    A CPU without instructions for bfloat16 computes in it all the same, but a step of v4 then takes 12.9 s in
    place of 0.9.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if any(able.get(name) for name in BFLOAT16_INSTRUCTIONS) else "float32"


def quickly_on_cpu() -> torch.autocast:
    """A context in which a network's convolutions and matrices are computed in what this CPU is quick in."""
    cpu = torch.device("cpu")
    return computing_in(quick_precision(cpu), cpu)


def computing_in(precision: str, device: torch.device) -> torch.autocast:
    """A context in which a network's convolutions and matrices are computed in one of PRECISIONS."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
