"""The checked, frozen graph."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from framegraph.graph.common import AUTO, SourceCommon
from framegraph.stage import Source, Stage
from framegraph.support.secrets import redact_values


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageSpec:
    """One stage of the graph. `values` are the properties as given, with variables expanded."""

    name: str
    type_name: str
    kind: str
    stage: type[Stage[Any]]
    options: Any
    common: Any
    values: dict[str, Any]
    place: str
    """file:line:column of the stage, for errors."""

    @property
    def replicas(self) -> int:
        given = getattr(self.common, "replicas", 1)
        return 1 if given == AUTO else int(given)

    @property
    def has_auto_replicas(self) -> bool:
        """Whether the number of replicas is still to be found by a plan."""
        return getattr(self.common, "replicas", 1) == AUTO

    @property
    def is_live(self) -> bool:
        """Whether it is a source whose frames come at their own pace."""
        return issubclass(self.stage, Source) and self.stage.is_live(self.options)

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices dealt to the replicas, as the graph names them."""
        given = getattr(self.common, "device", "cpu")
        return (given,) if isinstance(given, str) else tuple(given)

    @property
    def ends_a_chain(self) -> bool:
        """Whether packets go no further than this stage."""
        return self.kind in ("sink", "leaky")

    @property
    def acknowledges(self) -> bool:
        """Whether frames are released only after this stage has committed them."""
        return self.kind in ("ordered", "sink")

    @property
    def location(self) -> str | None:
        return getattr(self.options, "location", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Graph:
    """Stages by name, and links (upstream, downstream). A tree from each source; checked by `check`."""

    name: str
    folder: Path
    stages: dict[str, StageSpec]
    links: tuple[tuple[str, str], ...]
    ledger: str | None

    def of_kind(self, kind: str) -> list[StageSpec]:
        return [stage for stage in self.stages.values() if stage.kind == kind]

    def downstream(self, name: str) -> list[str]:
        return [down for up, down in self.links if up == name]

    def upstream(self, name: str) -> list[str]:
        return [up for up, down in self.links if down == name]

    def reachable(self, source: str) -> list[str]:
        """Stages that a source's packets reach, itself first, in order of distance."""
        found = [source]
        for name in found:
            found.extend(down for down in self.downstream(name) if down not in found)
        return found

    def sources_of(self, name: str) -> list[str]:
        return [source.name for source in self.of_kind("source") if name in self.reachable(source.name)]

    def committers_of(self, source: str) -> list[str]:
        """The sinks and ordered stages that a source's frames reach."""
        return [name for name in self.reachable(source) if self.stages[name].acknowledges]

    def window_of(self, source: str) -> int:
        """The number of frames of a source that may be out at once."""
        common: SourceCommon = self.stages[source].common
        if common.window:
            return common.window
        return 2 * max(self.stages[name].replicas for name in self.reachable(source)) + 2

    def slots_of(self, source: str) -> int:
        """The number of slots in a source's pool."""
        common: SourceCommon = self.stages[source].common
        smallest = self.window_of(source) + common.max_size_buffers + 1
        return max(common.frame_store or 2 * self.window_of(source) + 4, smallest)

    def location_for(self, sink: str, source: str) -> Path:
        """The file of a sink for one source."""
        location = self.stages[sink].location
        assert location is not None
        return Path(location.replace("{source}", source))

    def locations(self) -> dict[tuple[str, str], Path]:
        """{(sink, source): file} of every file sink."""
        return {
            (sink.name, source): self.location_for(sink.name, source)
            for sink in self.of_kind("sink")
            if sink.location is not None
            for source in self.sources_of(sink.name)
        }

    @property
    def ledger_path(self) -> Path | None:
        """The ledger's path: as given, else next to the first file that the graph writes."""
        if self.ledger is not None:
            return Path(self.ledger)
        first = next(iter(self.locations().values()), None)
        return first.parent / "ledger.json" if first else None

    @property
    def digest(self) -> str:
        """Identifies the graph, for resuming: types, properties without passwords, and links."""
        described = {
            "stages": {
                name: [stage.type_name, redact_values(stage.values)]
                for name, stage in sorted(self.stages.items())
            },
            "links": sorted(self.links),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:32]
