"""HEAD to the preview: what GET would say of its answer, without the answer, and the connection goes on."""

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from fashion_pipeline.stages.preview_sink import PreviewSink
from tests.stages.test_preview_sink import RED, frame, make_preview

PATHS = [
    "/",
    "/north.jpg",
    "/south.jpg",
    "/north.mjpg",
    "/nobody.jpg",
    "/nobody.mjpg",
    "/favicon.ico",
    "/north.jpg?t=1",
]


@pytest.fixture(scope="module")
def preview() -> Iterator[PreviewSink]:
    made = make_preview(**{"offline-after": 3600})
    made.process(frame("north", RED))
    yield made
    made.close()


@pytest.fixture
def link(preview: PreviewSink) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(urlsplit(preview.url).netloc, timeout=20)
    yield made
    made.close()


@pytest.mark.parametrize("path", PATHS)
def test_the_headers_are_those_of_get_and_there_is_no_content(preview: PreviewSink, path: str) -> None:
    found = []
    for method in ("HEAD", "GET"):
        link = http.client.HTTPConnection(urlsplit(preview.url).netloc, timeout=20)
        link.request(method, path)
        answer = link.getresponse()
        found.append((answer.status, [pair for pair in answer.getheaders() if pair[0] != "Date"]))
        content = answer.read(8)
        assert bool(content) == (method == "GET")
        link.close()
    assert found[0] == found[1]
    if path != "/north.mjpg":
        assert int(dict(found[0][1])["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/north.jpg", 200, "image/jpeg"),
        ("/north.mjpg", 200, "multipart/x-mixed-replace; boundary=picture"),
        ("/nobody.jpg", 404, "text/plain; charset=utf-8"),
    ],
)
def test_each_path_says_what_it_is(
    link: http.client.HTTPConnection, path: str, status: int, kind: str
) -> None:
    link.request("HEAD", path)
    answer = link.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
    assert answer.headers["Cache-Control"] == "no-store"


def test_whether_a_picture_is_live_stands_in_the_headers(link: http.client.HTTPConnection) -> None:
    for source, state in (("north", "live"), ("south", "offline")):
        link.request("HEAD", f"/{source}.jpg")
        answer = link.getresponse()
        answer.read()
        assert answer.headers["X-State"] == state


def test_the_connection_is_used_again(preview: PreviewSink) -> None:
    """Whatever is sent where no content may be would be taken for the next answer."""
    address = urlsplit(preview.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=20) as viewer,
        viewer.makefile("rb") as stream,
    ):
        for path, said in (("/", b"200 OK"), ("/north.jpg", b"200 OK"), ("/nobody.jpg", b"404 Not Found")):
            viewer.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert stream.readline() == b"HTTP/1.1 " + said + b"\r\n"
            http.client.parse_headers(stream)
        viewer.sendall(b"GET /north.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        headers = http.client.parse_headers(stream)
        assert stream.read(int(headers["Content-Length"]))[:2] == b"\xff\xd8"


def test_no_picture_follows_the_head_of_a_stream(preview: PreviewSink) -> None:
    address = urlsplit(preview.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=20) as viewer,
        viewer.makefile("rb") as stream,
    ):
        viewer.sendall(b"HEAD /north.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        viewer.sendall(b"HEAD /nobody.jpg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        http.client.parse_headers(stream)
        assert stream.readline() in (b"", b"HTTP/1.1 404 Not Found\r\n")


def test_after_the_head_of_a_stream_the_connection_is_used_again(link: http.client.HTTPConnection) -> None:
    for _time in range(2):
        link.request("HEAD", "/north.mjpg")
        answer = link.getresponse()
        assert (answer.status, answer.read()) == (200, b"")


def test_a_page_from_elsewhere_cannot_ask_either(link: http.client.HTTPConnection) -> None:
    link.request("HEAD", "/north.jpg", headers={"Host": "evil.example"})
    answer = link.getresponse()
    assert (answer.status, answer.read()) == (403, b"")
    assert "X-State" not in answer.headers
