"""What changes for a running process when the graph changes: its old part of the graph, and its new one."""

import dataclasses

from runtime.hosts.config import ChildConfig


@dataclasses.dataclass(frozen=True)
class Relink:
    """The difference between two parts of a graph. A source that left and came again is in both lists."""

    gone_sources: list[str]
    new_sources: list[str]
    gone_upstreams: list[str]
    new_upstreams: list[str]


def relink(old: ChildConfig, new: ChildConfig) -> Relink:
    """Compare by number, not by name: a name can be given to another source later."""
    had = {(name, old.sources.get(name)) for name in old.reached_by}
    has = {(name, new.sources.get(name)) for name in new.reached_by}
    return Relink(
        gone_sources=sorted(name for name, _number in had - has),
        new_sources=sorted(name for name, _number in has - had),
        gone_upstreams=sorted(set(old.upstreams) - set(new.upstreams)),
        new_upstreams=sorted(set(new.upstreams) - set(old.upstreams)),
    )
