"""Processes (one or several, by torchrun), device, number format and memory of a training run."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

PRECISIONS = ("bfloat16", "float32")
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""torch's names for what makes a CPU of Intel's or AMD's, or of Arm's, quick in bfloat16."""

# glibc's numbers of what can be set (malloc.h).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT_BYTES = 2**31 - 1  # mallopt takes an int
AHEAD_BYTES = 64 << 20


class GroupError(ValueError):
    """A device or a number of processes that cannot be used. One line that says why."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Process number `rank` of `size`. Only the first writes files and speaks."""

    rank: int
    size: int

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def is_first_here(self) -> bool:
        """Return whether it is the first process of its machine."""
        return self.size == 1 or os.environ.get("LOCAL_RANK", "0") == "0"

    def wait(self) -> None:
        """Until all processes have come here."""
        if self.size > 1:
            distributed.barrier()

    def share_of(self, batch: int) -> slice:
        """This process's part of a batch; all parts are of equal size, so that gradients may be averaged.

        Raises GroupError if the batch cannot be dealt evenly.
        """
        if batch % self.size:
            raise GroupError(f"a batch of {batch} cannot be dealt evenly to {self.size} processes")
        return self.part_of(batch)

    def part_of(self, count: int) -> slice:
        """This process's part of `count` things; the parts differ by one at most."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def summed(self, values: Tensor) -> Tensor:
        """The sums of each process's values, in all of them (in place)."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def require_agreement(self, value: str, what: str) -> None:
        """Raise GroupError, in all processes, if they do not all have the same value."""
        if self.size == 1:
            return
        found: list[str] = [""] * self.size
        distributed.all_gather_object(found, value)
        if len(set(found)) > 1:
            each = ", ".join(f"process {rank}: {one}" for rank, one in enumerate(found))
            raise GroupError(f"the processes differ in {what} ({each})")


@contextmanager
def joined_group(device: torch.device) -> Iterator[Group]:
    """Join the processes that torchrun started, if it did, and leave them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(rank=0, size=1)
        return
    if device.type == "cuda":
        # NCCL would put what all processes gather on the first GPU, and refuses two processes on one.
        torch.cuda.set_device(device)
        distributed.init_process_group("nccl", device_id=device)
    else:
        distributed.init_process_group("gloo")
    try:
        group = Group(rank=distributed.get_rank(), size=size)
        yield group
        # DDP keeps threads of the group alive beyond its end, and one that still holds a sum's tensor when
        # the interpreter is gone aborts the process: so nobody leaves before all of that is over.
        group.wait()
    finally:
        distributed.destroy_process_group()


def shared(network: nn.Module, group: Group) -> nn.Module:
    """Wrap a network so that its gradients are averaged over the group; as it is if there is one process."""
    return network if group.size == 1 else nn.parallel.DistributedDataParallel(network)


def local_device(name: str) -> torch.device:
    """The device of this process: with several GPUs, the one of its number on this machine.

    Raises GroupError for a name that is no device, or a GPU that is not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise GroupError(f"--device {name}: no such device; give cpu, cuda or cuda:NUMBER")
    if device.type == "cpu":
        return device
    if not torch.cuda.is_available():
        raise GroupError(f"--device {name}: torch finds no GPU here; give cpu")
    index = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise GroupError(
            f"--device {name}: GPU number {index} is not there; torch finds {torch.cuda.device_count()}"
        )
    return torch.device("cuda", index)


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


def keep_freed_memory() -> None:
    """Let glibc keep large blocks that are freed, so that the next step finds them ready.

    By default it gives each back and asks the kernel for it anew, page by page: 69,480 page faults in each
    step of v3, which takes 531 ms without them and 613 with (2 threads, bfloat16). Where the C library is
    another, it stays as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_TOP_PAD, AHEAD_BYTES)
