"""The command `weights`: from a server on this machine; what is not the right file is not kept."""

import dataclasses
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from fashion_pipeline import downloads
from fashion_pipeline.command import main
from fashion_pipeline.downloads import DownloadError, fetch
from fashion_pipeline.fashion.weights import (
    WEIGHTS,
    Published,
    find_weights,
    folder_for_download,
    is_there,
    weights_folders,
)

CONTENT = b"weights" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Publisher(BaseHTTPRequestHandler):
    """Gives its content under any path but /away; under /cut it ends before the end."""

    content: ClassVar[bytes] = CONTENT
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:  # the name is http.server's
        self.asked.append(self.path)
        if self.path == "/away":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[: len(self.content) // 2 if self.path == "/cut" else None])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Publisher) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        Publisher.asked.clear()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def published(url: str, sha256: str) -> Published:
    return Published(file="net.pth", url=url, sha256=sha256, license="none")


@pytest.mark.parametrize("known", [SHA256, SHA256[:8], ""])
def test_a_file_comes_whole_into_its_place(known: str, address: str, tmp_path: Path) -> None:
    path, sha256 = fetch(published(f"{address}/net.pth", known), tmp_path / "weights")
    assert path == tmp_path / "weights" / "net.pth"
    assert path.read_bytes() == CONTENT
    assert sha256 == SHA256
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("page", "known", "said"),
    [
        ("net.pth", "0" * 64, f"sent another file: its sha256 is {SHA256}, expected 0000.*nothing was kept"),
        ("net.pth", "00000000", "expected 00000000…; nothing was kept"),
        ("away", SHA256, "Not Found; try again, or get net.pth by hand"),
        ("cut", "", "the connection ended early; try again"),
    ],
)
def test_what_is_not_the_right_file_is_not_kept(
    page: str, known: str, said: str, address: str, tmp_path: Path
) -> None:
    earlier = tmp_path / "net.pth"
    earlier.write_bytes(b"an earlier one")
    with pytest.raises(DownloadError, match=said):
        fetch(published(f"{address}/{page}", known), tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"an earlier one"]


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"folder/{name}", data)
    return content.getvalue()


def test_the_file_of_an_archive_is_taken_out(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Publisher, "content", zipped(net=b"the network", readme=b"words"))
    inside = dataclasses.replace(
        published(f"{address}/net.zip", hashlib.sha256(b"the network").hexdigest()), member="net"
    )
    path, _sha256 = fetch(inside, tmp_path)
    assert path.read_bytes() == b"the network"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [CONTENT, zipped(readme=b"words"), b""])
def test_an_archive_without_the_file_is_not_kept(
    content: bytes, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Publisher, "content", content)
    with pytest.raises(DownloadError, match=r"no zip archive with one net inside .*; nothing was kept"):
        fetch(dataclasses.replace(published(f"{address}/net.zip", ""), member="net"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_a_file_needs_comes_first_and_without_it_nothing_comes(address: str, tmp_path: Path) -> None:
    beside = dataclasses.replace(published(f"{address}/net.bin", SHA256), file="net.bin")
    path, _sha256 = fetch(
        dataclasses.replace(published(f"{address}/net.pth", SHA256), beside=beside), tmp_path / "both"
    )
    assert Publisher.asked == ["/net.bin", "/net.pth"]
    assert {each.name for each in path.parent.iterdir()} == {"net.bin", "net.pth"}
    away = dataclasses.replace(beside, url=f"{address}/away")
    with pytest.raises(DownloadError, match="Not Found"):
        fetch(dataclasses.replace(published(f"{address}/net.pth", SHA256), beside=away), tmp_path / "none")
    assert not list((tmp_path / "none").iterdir())


def test_a_server_that_cannot_be_reached_is_one_sentence(address: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:1/net: .*refused; try again"):
        fetch(published("http://127.0.0.1:1/net", ""), tmp_path)


def test_a_server_that_sends_without_end_is_given_up(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 1000)
    with pytest.raises(DownloadError, match="sends more than"):
        fetch(published(f"{address}/net.pth", ""), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_it_wrote_and_the_detector_finds_it(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = dataclasses.replace(WEIGHTS["retinanet"], url=f"{address}/net.pth", sha256=SHA256)
    monkeypatch.setitem(WEIGHTS, "retinanet", mine)
    monkeypatch.setattr("fashion_pipeline.fashion.weights.WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=rf"{SHA256}\) by `fashion-pipeline weights retinanet`"):
        find_weights("retinanet", "")
    assert Publisher.asked == []
    assert main(["weights", "retinanet", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"sha256 {SHA256}, as expected" in said
    assert find_weights("retinanet", "") == tmp_path / mine.file
    monkeypatch.setitem(WEIGHTS, "retinanet", dataclasses.replace(mine, sha256="12345678"))
    assert main(["weights", "retinanet", "--folder", str(tmp_path)]) == 1
    assert "sent another file" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"file/weights: Not a directory; name another --folder"):
        fetch(published(f"{address}/net.pth", ""), tmp_path / "file" / "weights")


def test_who_may_not_write_where_it_is_installed_has_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, own = tmp_path / "models/weights", tmp_path / "data/fashion-pipeline/weights"
    installed.parent.mkdir()
    monkeypatch.setattr("fashion_pipeline.fashion.weights.WEIGHTS_FOLDER", installed)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert folder_for_download() == installed
    # In place of the file's mode, which does not bind root.
    monkeypatch.setattr("os.access", lambda path, _mode: path != installed.parent)
    assert folder_for_download() == own
    assert not is_there("person-detection-0200")
    for folder in (own, installed):
        folder.mkdir(parents=True)
        (folder / "person-detection-0200.xml").write_text("a network")
        # Both files in one folder: one cannot go without the other.
        assert not is_there("person-detection-0200")
    assert find_weights("person-detection-0200", "") == installed / "person-detection-0200.xml"
    (own / "person-detection-0200.bin").write_text("its weights")
    assert is_there("person-detection-0200")


@pytest.mark.parametrize("data", ["", "relative"])
def test_the_users_folder_is_in_the_home_unless_it_is_said_elsewhere(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", data)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_folders()[1:] == [tmp_path / ".local/share/fashion-pipeline/weights"]


def test_every_address_is_encrypted_and_every_checksum_is_hexadecimal() -> None:
    for entry in WEIGHTS.values():
        assert entry.url.startswith("https://")
        assert len(entry.sha256) in (0, 8, 64)
        assert not set(entry.sha256) - set("0123456789abcdef")
