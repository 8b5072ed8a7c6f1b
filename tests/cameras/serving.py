"""Cameras for tests, good and bad: a real RTSP server that can be killed, and sockets that misbehave."""

import contextlib
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian import needs

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = (
    "python3-gi",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
    "glib-networking",
)
START_LIMIT_S = 30.0
DESCRIBE = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=half\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=control:track\r\n"
)


class RtspServer:
    """GStreamer's RTSP server in a process of its own; `kill` and `start` as often as needed, at one port."""

    def __init__(self, *options: str, password: str = "") -> None:
        self._options = [*options, "--user", "user"]
        # Tests look for passwords in every command line.
        self._env = {**os.environ, "RTSP_SERVER_PASSWORD": password}
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Serve; returns when it listens."""
        needs(*PACKAGES)
        deadline_s = time.monotonic() + START_LIMIT_S
        while True:
            self._process = subprocess.Popen(
                [SYSTEM_PYTHON, str(SERVER), "--port", str(self.port), *self._options],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self._env,
            )
            assert self._process.stdout is not None
            said = self._process.stdout.readline().strip()
            if said.startswith("port ") and said.removeprefix("port ").isdecimal():
                self.port = int(said.removeprefix("port "))
                return
            self.kill()
            # Its own port may be busy for a moment after a kill; anything else is not going to pass.
            if "is taken" not in said or time.monotonic() > deadline_s:
                pytest.fail(
                    said or "the RTSP server said nothing; run it by hand: tests/cameras/rtsp_server.py"
                )
            time.sleep(0.2)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def url(self, path: str = "/stream", user: str = "") -> str:
        return f"rtsp://{user}{'@' if user else ''}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> "RtspServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses: taken, and not listened to, so that nobody else gets it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def swallowing_port() -> Iterator[int]:
    """A host that swallows packets: the queue of its listening socket is full, so Linux drops each SYN."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


class _Talker:
    """A TCP server that answers each connection with `talk` in a thread, until it is closed."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            while not self._is_over.is_set():
                if selector.select(0.1):
                    connection, _address = self._listening.accept()
                    thread = threading.Thread(target=self._serve, args=(connection,))
                    self._threads.append(thread)
                    thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.1)
            self.talk(connection)

    def talk(self, connection: socket.socket) -> None:
        """Say nothing at all."""
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                if not connection.recv(4096):
                    return

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listening.close()


class _HalfFrame(_Talker):
    """Speaks RTSP up to PLAY, sends the head of a frame and half of it, then nothing."""

    def talk(self, connection: socket.socket) -> None:
        while not self._is_over.is_set():
            try:
                request = connection.recv(4096).decode(errors="replace")
            except TimeoutError:
                continue
            except OSError:
                return
            if not request:
                return
            number = request.partition("CSeq:")[2].partition("\r\n")[0].strip()
            verb, more, body = request.partition(" ")[0], "", ""
            if verb == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
            elif verb == "DESCRIBE":
                more, body = f"Content-Type: application/sdp\r\nContent-Length: {len(DESCRIBE)}\r\n", DESCRIBE
            elif verb == "SETUP":
                more = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}".encode()
            if verb == "PLAY":
                # "$", channel 0, 1400 bytes long - of which 100 come.
                answer += b"$\x00\x05\x78" + bytes([0x80, 96, 0, 1]) + bytes(96)
            with contextlib.suppress(OSError):
                connection.sendall(answer)


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Accepts, and says nothing."""
    server = _Talker()
    try:
        yield server.port
    finally:
        server.close()


@contextlib.contextmanager
def half_frame_server() -> Iterator[int]:
    """Sends half a frame, and then nothing."""
    server = _HalfFrame()
    try:
        yield server.port
    finally:
        server.close()
