"""A frame that ends or breaks its stage in any way there is fails alone; a stage cannot change where a frame is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.launching import Launched, lines, seqs
from tests.system.graphs import cheap_graph
from tests.system.test_machine import assert_complete

FRAMES, POISONED = 40, 17

STAGES = """
import dataclasses
import os
import signal

from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Ordered, Sink, Stage


class Unsayable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def harm(how):
    if how == "closes descriptors":
        os.closerange(3, 4096)
    elif how == "kills itself":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how.startswith("exits "):
        os._exit(int(how.split()[1]))
    else:
        raise {"KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit, "SystemExit": SystemExit,
               "Unsayable": Unsayable, "huge": lambda: ValueError("x" * 300_000)}[how]()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    how: str = prop("", "What happens.")
    at: int = prop(17, "On which frame.")


class Poison(Stage):
    Options = Options

    def process(self, packet):
        if packet.seq == self.options.at:
            harm(self.options.how)
        return packet


class OrderedPoison(Ordered):
    Options = Options

    def process(self, packet):
        if packet.seq == self.options.at:
            harm(self.options.how)
        return packet


CHANGES = {
    "prev_seq": -1, "floor_seq": 9, "stream": 3, "epoch": 5, "attempt": 7, "alone": True, "pts_ns": 1, "uri": "no",
    "running_ns": 0, "capture_time_ns": 1, "status": "failed(me)", "source": "other", "seq": 3, "size_wh": (1, 1),
    "flags": ["DISCONT"], "dropped": [(0, 9, "late")], "highest_ids": {"x": 4},
}


class Changes(Stage):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        field: str = prop("seq", "Of the header.")
        in_a_new_packet: bool = prop(False, "Whether the answer is another object.")

    def process(self, packet):
        if self.options.in_a_new_packet:
            packet = dataclasses.replace(packet)
        setattr(packet, self.options.field, CHANGES[self.options.field])
        packet.meta["seq"] = 99
        packet.meta["status"] = "wonderful"
        packet.meta["mine"] = packet.meta["number"]
        return packet


class OrderedChanges(Ordered):
    Options = Changes.Options
    process = Changes.process
"""


def poisoned(folder: Path, type_: str, **properties: Any) -> Path:
    """counter ! work ! hurt ! results, film."""
    (folder / "poison.py").write_text(STAGES)
    graph = cheap_graph(folder, frames=FRAMES, work={"replicas": 1})
    text = graph.read_text().replace("counter ! work ! results", "counter ! work ! hurt ! results")
    text = text.replace("work ! film", "hurt ! film")
    described = ", ".join(f"{name}: {json.dumps(value)}" for name, value in properties.items())
    graph.write_text(text.replace("stages:\n", f"stages:\n  hurt: {{type: poison.{type_}, {described}}}\n"))
    return graph


HARMS = ["KeyboardInterrupt", "GeneratorExit", "SystemExit", "Unsayable", "huge"]
ENDS = ["exits 0", "exits 7", "closes descriptors", "kills itself"]


QUICK = [("Poison", how) for how in ("Unsayable",)]
SLOW = [("Poison", how) for how in HARMS + ENDS] + [("OrderedPoison", how) for how in HARMS[:4]]


@pytest.mark.parametrize(
    ("type_", "how"),
    [*QUICK, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW if each not in QUICK)],
)
def test_a_poisoned_frame_fails_alone(tmp_path: Path, type_: str, how: str) -> None:
    with Launched(poisoned(tmp_path, type_, how=how, at=POISONED), folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert len(run.stderr) < 100_000
    records = assert_complete(tmp_path, FRAMES)
    assert [record["seq"] for record in records if record["status"] != "ok"] == [POISONED]
    assert records[POISONED]["status"] == "failed(hurt)"


FIELDS = [
    *("prev_seq", "floor_seq", "stream", "epoch", "attempt", "alone", "pts_ns", "uri", "running_ns"),
    *("capture_time_ns", "status", "source", "seq", "size_wh", "flags", "dropped", "highest_ids"),
]


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        (FIELDS[0], "OrderedChanges"),
        *(
            pytest.param(field, type_, marks=pytest.mark.slow)
            for field in FIELDS
            for type_ in ("Changes", "OrderedChanges")
            if (field, type_) != (FIELDS[0], "OrderedChanges")
        ),
    ],
)
def test_what_a_stage_does_to_the_header_is_taken_back(tmp_path: Path, field: str, type_: str) -> None:
    with Launched(poisoned(tmp_path, type_, field=field), folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    records = assert_complete(tmp_path, FRAMES)
    assert [record["mine"] for record in records] == list(range(FRAMES))
    assert {record["status"] for record in records} == {"ok"}


@pytest.mark.slow
@pytest.mark.parametrize("field", ["prev_seq", "status", "dropped"])
def test_the_header_of_a_packet_that_the_stage_has_made_is_the_runtimes_too(
    tmp_path: Path, field: str
) -> None:
    graph = poisoned(tmp_path, "Changes", field=field, **{"in-a-new-packet": True})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert len(assert_complete(tmp_path, FRAMES)) == FRAMES


@pytest.mark.slow
def test_a_new_packet_of_another_frame_is_an_error(tmp_path: Path) -> None:
    graph = poisoned(tmp_path, "Changes", field="seq", **{"in-a-new-packet": True})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() in (1, 3), run.stderr
        assert "it answered otherwise" in run.stderr
    found = seqs(lines(tmp_path / "out/results.jsonl"))
    assert found == list(range(len(found)))
