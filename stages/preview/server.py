"""The preview over HTTP: a page, single pictures, and MJPEG streams (multipart/x-mixed-replace)."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from fashion_pipeline.stages.preview.hosts import is_loopback_name
from fashion_pipeline.stages.preview.page import page
from fashion_pipeline.stages.preview.pictures import Pictures

MAX_VIEWERS = 64
"""Simultaneous connections; each has a thread."""
STALL_S = 5.0
"""A viewer that receives or requests nothing for this long is dropped."""
HEAD_S = 5.0
"""A request that is not complete after this long is dropped; sent byte by byte it would last for ever."""
SAY_EACH_S = 60.0
"""How often refused viewers are logged."""
SEND_BUFFER_BYTES = 128 * 1024
"""Small, so that a slow viewer sees few old pictures before a new one."""
REPEAT_S = 2.0
"""A stream repeats an unchanged picture after this long, so that a viewer that is gone is noticed."""
BOUNDARY = "picture"


class PreviewServer(ThreadingHTTPServer):
    """Serves pictures in its own threads. Raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = MAX_VIEWERS

    def __init__(
        self, host: str, port: int, pictures: Pictures, *, max_fps: float, is_open: bool, log: logging.Logger
    ) -> None:
        self.pictures = pictures
        self.max_fps = max_fps
        self.is_open = is_open
        self.log = log
        self._viewers = threading.BoundedSemaphore(MAX_VIEWERS)
        self._refused, self._say_at_s = 0, 0.0
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="preview", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        name = str(host)
        return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._viewers.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self._refused += 1
            if time.monotonic() >= self._say_at_s:
                self._say_at_s = time.monotonic() + SAY_EACH_S
                self.log.warning("%d simultaneous viewers; %d more were refused", MAX_VIEWERS, self._refused)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._viewers.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.log.debug("viewer %s: gone", client_address, exc_info=True)

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One viewer's connection."""

    server: PreviewServer
    protocol_version = "HTTP/1.1"
    timeout = STALL_S

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def handle_one_request(self) -> None:
        self._too_slow = threading.Timer(HEAD_S, self._drop)
        self._too_slow.daemon = True
        self._too_slow.start()
        try:
            super().handle_one_request()
        finally:
            self._too_slow.cancel()

    def parse_request(self) -> bool:
        is_whole = super().parse_request()
        self._too_slow.cancel()
        return is_whole

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_HEAD(self) -> None:
        """Answer like GET, without the content."""
        self.do_GET()

    def do_GET(self) -> None:
        if not (self.server.is_open or is_loopback_name(self.headers.get("Host", ""))):
            # A foreign page whose host name was made to resolve to this machine (DNS rebinding).
            self._answer(403, "text/plain", b"this preview is for this machine only\n")
            return
        path = unquote(urlsplit(self.path).path)
        name, _dot, kind = path.removeprefix("/").rpartition(".")
        if path == "/":
            text = page(self.server.pictures.sources, self.server.max_fps)
            self._answer(200, "text/html; charset=utf-8", text.encode())
        elif kind == "jpg" and (shown := self.server.pictures.get(name)):
            self._answer(200, "image/jpeg", shown.jpeg, state="live" if shown.is_live else "offline")
        elif kind == "mjpg" and name in self.server.pictures.sources:
            self._stream(name)
        else:
            known = " ".join(f"/{source}.mjpg /{source}.jpg" for source in self.server.pictures.sources)
            self._answer(404, "text/plain; charset=utf-8", f"there is / {known}\n".encode())

    def _answer(self, status: int, kind: str, content: bytes, state: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if state:
            self.send_header("X-State", state)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _stream(self, source: str) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        # Only closing the connection marks the end of a stream.
        self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(f"--{BOUNDARY}\r\n".encode())
        sent_number, sent_at_s = -1, 0.0
        while (shown := self.server.pictures.get(source)) is not None:
            now_s = time.monotonic()
            if shown.number != sent_number or now_s - sent_at_s >= REPEAT_S:
                state = "live" if shown.is_live else "offline"
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(shown.jpeg)}\r\nX-State: {state}"
                # The next boundary at once: some viewers show a picture only when they see its end.
                tail = f"\r\n--{BOUNDARY}\r\n"
                self.wfile.write(f"{head}\r\n\r\n".encode() + shown.jpeg + tail.encode())
                sent_number, sent_at_s = shown.number, now_s
            self.server.pictures.wait(0.25)

    def log_message(self, format: str, *args: Any) -> None:
        self.server.log.debug("viewer %s: " + format, self.client_address[0], *args)
