"""A child's words while the launcher does not listen."""

import time
from pathlib import Path

import zmq

from runtime.hosts.bus_client import BusClient
from runtime.wire import codec
from runtime.wire.sockets import bind_router, receive_all

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
