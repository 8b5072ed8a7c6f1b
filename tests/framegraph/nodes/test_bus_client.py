"""A child's words while the launcher does not listen."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import zmq

from framegraph.nodes.bus_client import BusClient, BusLogHandler
from framegraph.wire import codec
from framegraph.wire.sockets import bind_router, receive_all

DEADLINE_S = 10.0


def test_what_is_said_once_is_not_lost_among_statistics(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    endpoint = f"ipc://{tmp_path}/bus"
    client = BusClient(context, endpoint, "camera.0#0")
    client.send("eos", cause="finished")
    for _time in range(2 * BusClient.MAX_WAITING):
        client.send("statistics", values={})
    client.send("output", source="camera")

    launcher = bind_router(context, endpoint)
    kinds: list[str] = []
    deadline_s = time.monotonic() + DEADLINE_S
    while "output" not in kinds:
        assert time.monotonic() < deadline_s, sorted(set(kinds))
        client.flush()
        kinds += [codec.unpack(message[-1])["kind"] for message in receive_all(launcher)]
    assert kinds[0] == "eos"
    assert len(kinds) <= BusClient.MAX_WAITING + 1
    client.socket.close()
    launcher.close()
    context.term()


def test_no_text_of_a_stage_is_too_long_or_too_strange_to_arrive(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    endpoint = f"ipc://{tmp_path}/bus"
    client, launcher = BusClient(context, endpoint, "camera.0#0"), bind_router(context, endpoint)
    logger = logging.Logger("stage")
    logger.addHandler(BusLogHandler(client))
    name_in_latin1 = os.fsdecode(b"caf\xe9.jpg")
    logger.warning("%s cannot be decoded", name_in_latin1)
    client.send("frame_failed", source="camera", seq=1, error="x" * 2**21)

    said: list[dict[str, Any]] = []
    deadline_s = time.monotonic() + DEADLINE_S
    while len(said) < 2:
        assert time.monotonic() < deadline_s, said
        client.flush()
        said += [codec.unpack(message[-1]) for message in receive_all(launcher)]
    assert said[0]["text"] == "caf\\udce9.jpg cannot be decoded"
    assert said[1]["error"].startswith("xxx") and said[1]["seq"] == 1
    client.socket.close()
    launcher.close()
    context.term()
