"""Films behind http addresses, as web servers have them: with a length, over connections that stay open."""

import contextlib
import dataclasses
import functools
import http.server
import re
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclasses.dataclass
class Served:
    """An address, and what was asked of it: the header `Range` of each request, "" where there was none."""

    uri: str
    ranges: list[str] = dataclasses.field(default_factory=list)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever has enough of a film hangs up in its middle."""


@contextlib.contextmanager
def listening(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve in a thread; the address has no path yet."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


@contextlib.contextmanager
def served(
    film: Path,
    *,
    has_ranges: bool,
    claims_ranges: bool | None = None,
    path: str | None = None,
    most_bytes: int | None = None,
    away: int = 0,
) -> Iterator[Served]:
    """Serve a film at `path`, its own name where that is not given.

    Without `has_ranges` the answer is the whole, whatever part of it is asked for, though `claims_ranges` may
    say otherwise. `most_bytes`: after so many of an answer the server hangs up, in spite of the length that
    it has told. `away`: so many requests are refused at first.
    """
    asked: list[str] = []
    data = film.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.headers.get("Range", ""))
            if len(asked) <= away:
                self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = _RANGE.fullmatch(asked[-1]) if has_ranges else None
            begin, end = (int(found[1]), int(found[2] or len(data) - 1) + 1) if found else (0, len(data))
            part = data[begin:end]
            if not part:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{len(data)}")
            elif found:
                self.send_response(HTTPStatus.PARTIAL_CONTENT)
                self.send_header("Content-Range", f"bytes {begin}-{begin + len(part) - 1}/{len(data)}")
            else:
                self.send_response(HTTPStatus.OK)
            if has_ranges if claims_ranges is None else claims_ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(part[:most_bytes])
            if most_bytes is not None and most_bytes < len(part):
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    with listening(Handler) as address:
        yield Served(f"{address}/{film.name if path is None else path}", asked)
