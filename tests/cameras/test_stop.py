"""Ctrl-C while a camera is in each of its states: at once, whatever its time-outs are."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cameras.graphs import camera_graph
from tests.cameras.http_cameras import mjpeg_camera
from tests.cameras.serving import (
    RtspServer,
    closed_port,
    half_frame_server,
    silent_server,
    swallowing_port,
)
from tests.cameras.test_cameras import ledger_of
from tests.cameras.test_hangs import noise_jpeg
from tests.controlling import Remote
from tests.launching import Launched, wait_for

LONG = {"open-timeout": 60, "restart-timeout": 60, "retry-delay": 60, "max-retry-delay": 60, "timeout": 90}
STOP_LIMIT_S = 10.0
"""Far below the camera's own times, and far above what it takes on a busy machine."""


def at(port: Callable[[], AbstractContextManager[int]]) -> Callable[[], AbstractContextManager[str]]:
    @contextlib.contextmanager
    def serve() -> Iterator[str]:
        with port() as number:
            yield f"rtsp://127.0.0.1:{number}/x"

    return serve


def rtsp(path: str, user: str) -> Callable[[], AbstractContextManager[str]]:
    @contextlib.contextmanager
    def serve() -> Iterator[str]:
        with RtspServer("--auth", "digest", password="right-word") as server:
            yield server.url(path, user)

    return serve


@contextlib.contextmanager
def frozen() -> Iterator[str]:
    with mjpeg_camera(lambda _connection: 10_000 * [noise_jpeg(1)], pause_s=0.05) as uri:
        yield uri


@pytest.mark.slow
@pytest.mark.parametrize(
    ("serve", "state", "cause"),
    [
        pytest.param(at(closed_port), "retrying", "refused", id="closed port"),
        pytest.param(at(swallowing_port), "connecting", "", id="swallows packets"),
        pytest.param(at(silent_server), "connecting", "", id="says nothing"),
        pytest.param(at(half_frame_server), "connecting", "", id="half a frame"),
        pytest.param(rtsp("/none", "user:${RIGHT}"), "retrying", "not found", id="wrong path"),
        pytest.param(rtsp("/stream", "user:${WRONG}"), "retrying", "auth", id="wrong password"),
        pytest.param(rtsp("/stream", "user:${RIGHT}"), "running", "", id="plays"),
        pytest.param(frozen, "stalled", "the picture is frozen", id="frozen"),
    ],
)
def test_a_stop_is_at_once(
    tmp_path: Path, serve: Callable[[], AbstractContextManager[str]], state: str, cause: str
) -> None:
    with serve() as uri:
        graph = camera_graph(tmp_path, {"camera": {"uri": uri, "stalled-after": 0.5, **LONG}})
        env = {"RIGHT": "right-word", "WRONG": "wrong-word"}
        with Launched(graph, folder=tmp_path, env=env) as launched:
            remote = Remote(launched)

            def is_there() -> bool:
                said = remote.source("camera")["state"]
                return bool(said.startswith(state) and cause in said)

            wait_for(is_there, f"state {state} {cause}", launched)
            time.sleep(0.3)  # into the call that the state is spent in
            launched.signal(signal.SIGINT)
            began_s = time.monotonic()
            assert launched.wait() == 130
            assert time.monotonic() - began_s < STOP_LIMIT_S
    ledger = ledger_of(tmp_path)
    assert ledger["balanced"]
    assert ledger["restarts"] == {}
