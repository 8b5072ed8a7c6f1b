"""Properties that every stage of a kind has besides its own."""

import dataclasses
from collections.abc import Iterable

from framegraph.properties import Bytes, Seconds, nearest, prop

AUTO = "auto"


RENAMED = {"custody": "frame-store"}
"""{old name: new name} of renamed properties, for the error about the old one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Any:
    timeout: Seconds = prop(
        30.0,
        "Working on one packet, or capturing one frame, for longer than this counts as a hang.",
        low=0.1,
        while_running=True,
    )
    start_timeout: Seconds = prop(
        60.0, "Loading for longer than this counts as a hang.", low=0.1, while_running=True
    )
    heartbeat: Seconds = prop(
        5.0, "No sign of life for longer than this counts as a hang.", low=1.0, while_running=True
    )
    memory_limit: Bytes = prop(
        0,
        "A process that uses more memory than this is drained and restarted; 0: no limit.",
        low=0,
        high=2**50,
        while_running=True,
    )
    max_frames_per_process: int = prop(
        0,
        "A process is drained and restarted after this many frames; 0: never.",
        low=0,
        high=2**50,
        while_running=True,
    )
    threads: int = prop(1, "Threads per replica for the libraries that the stage uses.", low=1, high=256)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkerCommon(_Any):
    """Common properties of a worker stage."""

    replicas: int | str = prop(
        1,
        "Number of processes for this stage; auto: as many as `launcher.py plan` advises, measured once.",
        low=1,
        high=64,
        choices=(AUTO,),
    )
    device: str | tuple[str, ...] = prop(
        "cpu",
        "Where models run: cpu, cuda:0, …, openvino:GPU, openvino:NPU, …, or auto (an NVIDIA GPU if "
        "there is one); a list is dealt to the replicas in turn.",
        pattern=r"auto|cpu|cuda:[0-9]+|openvino:[A-Z]+(\.[0-9]+)?",
    )
    batch: int = prop(0, "Most packets given to the stage at once; 0: as the stage prefers.", low=0, high=128)
    batch_wait: Seconds = prop(
        0.0, "How long to wait for a fuller batch.", low=0, high=10, while_running=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderedCommon(_Any):
    """Common properties of an ordered stage."""

    replicas: int = prop(1, "Number of processes; each source is assigned to one of them.", low=1, high=64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceCommon(_Any):
    """Common properties of a source."""

    window: int = prop(
        0,
        "Frames sent and not yet received by all sinks; 0: 2 per replica of the widest stage, plus 2.",
        low=0,
        high=4096,
    )
    frame_store: int = prop(
        0,
        "Slots of the pixel pool, which hold frames not yet committed; 0: two windows, plus 4; "
        "never fewer than window and max-size-buffers need.",
        low=0,
        high=8192,
    )
    resend_after: Seconds = prop(
        10.0,
        "A frame not received by all sinks is resent after this time, which doubles at each attempt.",
        low=0.05,
    )
    max_attempts: int = prop(
        3,
        "Deaths of a stage, or of the decoder, on one frame before it is given up.",
        low=1,
        high=1000,
        while_running=True,
    )
    max_latency: Seconds = prop(
        0.0,
        "A live frame older than this at its first dispatch is dropped as late; 0: never.",
        low=0,
        while_running=True,
    )
    max_size_buffers: int = prop(
        2,
        "Captured frames that may wait for the window; a live source drops the oldest (leaky).",
        low=1,
        high=1024,
    )
    priority: int = prop(
        1,
        "Turns at a busy worker per turn of a source with priority 1.",
        low=1,
        high=16,
        while_running=True,
    )
    drain: Seconds = prop(
        5.0,
        "Time to finish frames in flight after a stop; the rest are dropped as flushed.",
        low=0,
        while_running=True,
    )
    parallel: int = prop(
        1, "Inputs that run at once, each in a run of its own, if uri names several.", low=1, high=64
    )
    pool: str = prop("", "Folder for the pixel pool; empty: /dev/shm, else the temporary folder.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SinkCommon(_Any):
    """Common properties of a sink."""

    overwrite: bool = prop(
        False, "Replace an existing file at location; otherwise it is moved to NAME.previous."
    )
    replicas: int = prop(1, "A sink is one process, because it writes one output.", low=1, high=1)
    fsync: str = prop(
        "never",
        "What a power cut may destroy. never: whatever the kernel had not yet written; fragment: nothing "
        "before the progress that is on disk; always: nothing that was committed.",
        choices=("never", "fragment", "always"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeakyCommon(_Any):
    """Common properties of a leaky sink."""

    replicas: int = prop(1, "A leaky sink is one process.", low=1, high=1)
    max_size_buffers: int = prop(
        2,
        "Packets that may wait for it at each stage before it; the oldest is dropped (leaky).",
        low=1,
        high=64,
    )


COMMON: dict[str, type] = {
    "source": SourceCommon,
    "worker": WorkerCommon,
    "ordered": OrderedCommon,
    "sink": SinkCommon,
    "leaky": LeakyCommon,
}


def meant_property(word: str, known: Iterable[str]) -> str:
    """Return ", it is called X now" or "; did you mean X" for an unknown property, or nothing."""
    return f"; it is called {RENAMED[word]} now" if word in RENAMED else nearest(word, known)
