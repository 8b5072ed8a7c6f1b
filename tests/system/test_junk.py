"""Bytes that nobody of the run has sent, to every socket it has open: rejected, counted, and the run unharmed."""

import json
import os
import random
import socket
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

from framegraph.wire.outlet import CREDIT, MAGIC
from tests.launching import Launched, wait_for
from tests.system.graphs import cheap_graph
from tests.system.test_machine import assert_complete, is_under_way

SEED = 20261123


def junk(chooser: random.Random) -> list[bytes]:
    """Messages of all bad kinds: noise, cut or changed messages, huge claims, wrong versions and types."""
    plausible = msgpack.packb(
        {"stage": "work", "replica": 0, "outlet": 0, "received": 0, "upto": 10**6, "leaving": False}
    )
    have = {"sink": "results", "incarnation": 0, "committed": -1, "received": [], "ended": False}
    return [
        b"",
        chooser.randbytes(chooser.randrange(1, 2000)),
        plausible[: chooser.randrange(len(plausible))],
        b"\xdd\xff\xff\xff\xff" + chooser.randbytes(8),
        b"\xc6\xff\xff\xff\xff",
        b"\x81\xa4kind" + b"\x91" * 2000,
        msgpack.packb({"v": 99, "kind": "gap", "packet": {"v": 99}}),
        msgpack.packb({"kind": "statistics", "values": "many"}),
        msgpack.packb({"kind": "no such kind"}),
        msgpack.packb({**have, "sink": "nobody"}),
        msgpack.packb({**have, "incarnation": -5}),
        msgpack.packb({**have, "received": "all"}),
        msgpack.packb({**have, "committed": 2**63 - 1, "sink": 7}),
        msgpack.packb(
            {"stage": "work", "replica": -1, "outlet": 0, "received": 0, "upto": 2**63, "leaving": False}
        ),
        chooser.randbytes(300_000),
    ]


@pytest.mark.slow
def test_junk_on_every_socket_is_rejected_and_counted(tmp_path: Path) -> None:
    chooser = random.Random(SEED)
    graph = cheap_graph(tmp_path, frames=600, work={"sleep_ms": 8, "replicas": 2})
    context = zmq.Context()
    try:
        with Launched(graph, folder=tmp_path) as run:
            wait_for(lambda: is_under_way(tmp_path), "first frames", run)
            (folder,) = run.temporary.glob("framegraph-*/*")
            endpoints = sorted(path for path in folder.iterdir() if path.is_socket())
            names = [path.name for path in endpoints]
            assert names == ["bus", "control", "counter.0.out", "counter.acks", "work.0.out", "work.1.out"]
            for path in endpoints:
                dealer = context.socket(zmq.DEALER)
                dealer.setsockopt(zmq.LINGER, 500)
                dealer.connect(f"ipc://{path}")
                for message in junk(chooser):
                    dealer.send(message)
                    dealer.send_multipart([message, chooser.randbytes(20), b""])
                dealer.close()
                # Below ZeroMQ: no greeting, a wrong one, a frame of 2**62 bytes.
                for raw in (chooser.randbytes(500), b"\xff" + bytes(8) + b"\x7f\x03" + bytes(53)):
                    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
                        plain.connect(os.fspath(path))
                        plain.sendall(raw + b"\x02" + struct.pack(">Q", 2**62))
            assert run.wait() == 0, run.stderr
    finally:
        context.term()
    records = assert_complete(tmp_path, 600)
    assert {record["status"] for record in records} == {"ok"}
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    # Every message of every kind to each of the six sockets, but for what died with its process.
    assert ledger["rejected_messages"] >= 6 * 2 * 10
    assert ledger["restarts"] == {}


@pytest.mark.slow
def test_what_a_sink_has_said_may_be_said_again_later(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=300, work={"sleep_ms": 8})
    old = {"sink": "results", "incarnation": 0, "committed": 2, "received": [], "ended": False}
    context = zmq.Context()
    try:
        with Launched(graph, folder=tmp_path) as run:
            wait_for(lambda: is_under_way(tmp_path, 20), "frames", run)
            (endpoint,) = run.temporary.glob("framegraph-*/*/counter.acks")
            dealer = context.socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 500)
            dealer.connect(f"ipc://{endpoint}")
            for _time in range(50):
                dealer.send(msgpack.packb(old))
            dealer.close()
            assert run.wait() == 0, run.stderr
    finally:
        context.term()
    assert {record["status"] for record in assert_complete(tmp_path, 300)} == {"ok"}


@pytest.mark.slow
def test_who_takes_the_name_of_a_process_is_heard_by_none(tmp_path: Path) -> None:
    """Credit in the name of a consumer would stall its link, and a forged end would leave the film unjoined."""
    graph = cheap_graph(tmp_path, frames=200, work={"sleep_ms": 5})
    context = zmq.Context()
    try:
        with Launched(graph, folder=tmp_path) as run:
            wait_for(lambda: is_under_way(tmp_path), "first frames", run)
            (folder,) = [path for path in run.temporary.glob("framegraph-*/*") if path.is_dir()]
            forged = [
                ("work.0.out", "film.0#0", CREDIT.pack(MAGIC, 0, 0, 10**6, False)),
                ("work.0.out", "results.0#0", CREDIT.pack(MAGIC, 0, 10**5, 10**6, True)),
                ("counter.0.out", "work.0#0", CREDIT.pack(MAGIC, 0, 10**5, 10**5, False)),
            ]
            forged.append(("bus", "film.0#0", msgpack.packb({"kind": "error", "text": "forged"})))
            for sink in ("film", "results"):
                said: dict[str, Any] = {
                    "sink": sink,
                    "incarnation": 0,
                    "committed": 10**6,
                    "received": [],
                    "ended": True,
                }
                forged.append(("counter.acks", f"{sink}.0#0", msgpack.packb(said)))
            dealers = []
            for place, name, message in forged:
                dealer = context.socket(zmq.DEALER)
                dealer.setsockopt(zmq.IDENTITY, name.encode())
                dealer.setsockopt(zmq.LINGER, 500)
                dealer.connect(f"ipc://{folder}/{place}")
                dealers.append(dealer)
                for _time in range(20):
                    dealer.send(message)
            assert run.wait() == 0, run.stderr
            for dealer in dealers:
                dealer.close()
    finally:
        context.term()
    assert {record["status"] for record in assert_complete(tmp_path, 200)} == {"ok"}
    assert json.loads((tmp_path / "out/ledger.json").read_text())["rejected_messages"] >= 6 * 20
