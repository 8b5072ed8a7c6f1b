"""The packets waiting for a worker's stage: sources take turns in proportion to their priority."""

from collections import OrderedDict
from collections.abc import Mapping

from framegraph.wire.inlet import Arrival


class Inbox:
    """Packets that wait for the stage. The next turn goes to the source that has had the fewest turns
    divided by priority (stride scheduling, Waldspurger and Weihl 1995); a source with nothing waiting does
    not save up turns.
    """

    def __init__(self, priorities: Mapping[str, int] | None = None) -> None:
        self.priorities = priorities or {}
        self._by_source: dict[str, OrderedDict[int, Arrival]] = {}
        self._floors: dict[str, int] = {}
        self._turn: dict[str, float] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._by_source.values())

    def put(self, arrival: Arrival) -> list[Arrival]:
        """Add a packet; return those that it replaces or makes stale."""
        packet = arrival.packet
        floor = max(packet.floor_seq, self._floors.get(packet.source, 0))
        self._floors[packet.source] = floor
        waiting = self._by_source.get(packet.source, OrderedDict())
        gone = [waiting.pop(seq) for seq in list(waiting) if seq < floor or seq == packet.seq]
        if packet.seq < floor:
            gone.append(arrival)
        else:
            waiting[packet.seq] = arrival
        if not waiting:
            self._by_source.pop(packet.source, None)
        elif packet.source not in self._by_source:
            self._by_source[packet.source] = waiting
            self._turn[packet.source] = max(self._now, self._turn.get(packet.source, 0.0))
        return gone

    def take(self, limit: int) -> list[Arrival]:
        """Return the next batch; a packet that must be alone is a batch of its own."""
        batch: list[Arrival] = []
        while len(batch) < limit and self._by_source:
            source = min(self._by_source, key=self._turn.__getitem__)
            waiting = self._by_source[source]
            # Oldest first: everything else waits for what is resent after a fault.
            seq = min(waiting)
            arrival = waiting[seq]
            if arrival.packet.alone and batch:
                break
            self._now = self._turn[source]
            self._turn[source] += 1 / self.priorities.get(source, 1)
            del waiting[seq]
            if not waiting:
                del self._by_source[source]
            batch.append(arrival)
            if arrival.packet.alone:
                break
        return batch

    def forget(self, source: str) -> list[Arrival]:
        """Remove a source that has left the run; return its waiting packets."""
        self._floors.pop(source, None)
        self._turn.pop(source, None)
        return list(self._by_source.pop(source, {}).values())
