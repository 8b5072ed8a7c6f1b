"""A process's configuration, sent over the bus before it starts: never by argument or environment."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from framegraph.wire.outlet import Consumer

BUS_TOKEN = "FRAMEGRAPH_BUS_TOKEN"
"""Environment variable with the token that proves a process's identity on the bus."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessCommon:
    """The common properties (`framegraph.graph.common`) that a stage's process uses, under the same names.
    Those that its kind of stage does not have keep the defaults here; times in seconds."""

    max_frames_per_process: int = 0
    batch: int = 1
    batch_wait: float = 0.0
    window: int = 0
    frame_store: int = 0
    resend_after: float = 0.0
    max_attempts: int = 0
    max_latency: float = 0.0
    max_size_buffers: int = 0
    drain: float = 0.0
    pool: str = ""
    fsync: str = "never"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChildConfig:
    """One process's part of the graph. Plain values only, so that it travels as a message."""

    stage: str
    replica: int
    incarnation: int
    run: str
    digest: str
    type: str
    graph_folder: str
    options: dict[str, Any]
    common: ProcessCommon
    device: str
    threads: int
    sources: dict[str, int]
    """{source: its number}: all sources of the run. Status pages and packets name a source by its number,
    which is never used twice in a run."""
    priorities: dict[str, int]
    """{source: turns for each turn of a source with priority 1}."""
    reached_by: list[str]
    """The sources whose packets reach this stage (a source: itself)."""
    upstreams: list[str]
    """Endpoints of the outlets to receive packets from."""
    weights: dict[str, int]
    """For a worker: {endpoint of a source: packets of it that may always be here}, by its priority."""
    outlet: str
    """Endpoint to bind, empty for a sink."""
    consumers: list[Consumer]
    acknowledgement_endpoints: dict[str, str]
    """{source: endpoint} of the acknowledgement links of an ordered stage or sink; of a source, its own."""
    acknowledgers: list[str]
    """For a source: the sinks and ordered stages that must commit its frames."""
    stages: list[str]
    """For a source: the stages that its frames can fail at."""
    summed: dict[str, list[str]]
    """For a sink: {source: words that earlier stages have in `summed`}."""
    keep: dict[str, int]
    """For an ordered stage: {source: number of answers it may be asked for again}."""
    highest_ids: dict[str, int]
    """For an ordered stage of a resumed run: {source: the highest number it had given out}."""
    locations: dict[str, str]
    """For a file sink: {source: file}."""
    version: int = 0
    """Counts the changes of the graph in this run; a running process reports the one it has carried out."""
    is_stopping: bool = False
    start: dict[str, Any] | None = None
    """For a source of a resumed run: the last frame that is done (seq, epoch, pts_ns, running_ns, not_ok)."""
    deadly_seq: int = -1
    """For a source: the frame on whose decoding `max-attempts` processes of it died; -1: none."""
    nonce: str = ""
    """Of the run: the identities on its links end with it. A stranger who does not know it is ignored."""
    secrets: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Secrets that no text of this process may show: `framegraph.support.secrets.learnt`."""
    quarantine: str = ""
    """For a source: the folder where frames that were given up are kept; empty: none."""
    keeps_payloads: bool = True
    """For a source: whether their payloads are kept as well; not if a sink of its requires marks."""

    def to_plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ChildConfig:
        consumers = [Consumer(**consumer) for consumer in plain["consumers"]]
        return cls(**{**plain, "consumers": consumers, "common": ProcessCommon(**plain["common"])})


class RunPaths:
    """The names inside a run folder. All ipc paths must stay under 107 bytes."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def run(self) -> str:
        return Path(self.folder).name

    @property
    def bus(self) -> str:
        return f"ipc://{self.folder}/bus"

    @property
    def control(self) -> str:
        return f"ipc://{self.folder}/control"

    @property
    def about(self) -> str:
        """The run's description for commands that look for it."""
        return f"{self.folder}/about.json"

    def outlet(self, stage: str, replica: int) -> str:
        return f"ipc://{self.folder}/{stage}.{replica}.out"

    def acknowledgements(self, source: str) -> str:
        return f"ipc://{self.folder}/{source}.acks"

    def status(self, stage: str, replica: int) -> str:
        return f"{self.folder}/{stage}.{replica}.status"

    def journal(self, stage: str, source: str) -> str:
        return f"{self.folder}/journals/{stage}.{source}"

    @property
    def trace(self) -> str:
        """Folder of the processes' notes about sampled frames (with --trace: about every frame)."""
        return f"{self.folder}/trace"

    @property
    def pools(self) -> str:
        """Folder of links, one per source, to the frame store files, wherever these had room."""
        return f"{self.folder}/pools"
