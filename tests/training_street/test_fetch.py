"""The two public sets come whole, go on after a stop, and a damaged or missing file is one clear error."""

import dataclasses
import hashlib
import json
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from scipy.io import savemat

from fashion_pipeline.training.street import fetch as module
from fashion_pipeline.training.street.data import FOLDERS, load_garments, load_tagged
from fashion_pipeline.training.street.tags import LABEL_OF_TAG

STREET, CLOTHING = (f"{source.repository}/{source.branch}" for source in module.SOURCES)


@pytest.fixture
def copy(tmp_path):
    """A made-up copy of both repositories: three photos with tags, one without, and a garment a folder."""
    root = tmp_path / "copy"
    street, clothing = root / STREET, root / CLOTHING
    (street / "photos").mkdir(parents=True)
    (street / "annotations" / "image-level").mkdir(parents=True)
    names = np.array(["null", "hair", *LABEL_OF_TAG], object)
    savemat(street / "label_list.mat", {"label_list": names})
    worn = [["t-shirt", "jeans"], ["hair"], ["blazer", "boots", "bag"]]
    for number in range(1004, 1008):
        (street / "photos" / f"{number}.jpg").write_bytes(b"photo %d" % number)
    for number, tags in enumerate(worn, start=1005):
        numbers = np.array([[0] + [list(names).index(tag) for tag in tags]], np.uint8)
        savemat(street / "annotations" / "image-level" / f"{number}.mat", {"tags": numbers})
    (street / "README.md").write_text("not wanted")
    for part in ("train", "test", "validation"):
        for name in FOLDERS:
            (clothing / part / name).mkdir(parents=True)
            (clothing / part / name / "a b.jpg").write_bytes(f"{part} {name}".encode())
    return root


class Server(ThreadingHTTPServer):
    """Serves a copy as both of GitHub's servers do, and remembers what it was asked for."""

    def __init__(self, root):
        self.root, self.asked, self.broken = root, [], {}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = urlsplit(self.path).path.lstrip("/").replace("%20", " ")
        self.server.asked.append(path)
        content = self._tree(path) if path.startswith("repos/") else (self.server.root / path).read_bytes()
        content, status, length = self.server.broken.get(path, lambda whole: (whole, 200, len(whole)))(
            content
        )
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def _tree(self, path):
        _, owner, name, *_ = path.split("/")
        root = self.server.root / owner / name / "master"
        entries: list[dict[str, Any]] = [{"path": "photos", "type": "tree", "sha": "0"}]
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            content = file.read_bytes()
            entries.append(
                {
                    "path": str(file.relative_to(root)),
                    "type": "blob",
                    "size": len(content),
                    "sha": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
                }
            )
        return json.dumps({"tree": entries}).encode()


@pytest.fixture
def server(copy, monkeypatch):
    street, clothing = module.SOURCES
    small = (dataclasses.replace(street, expected=7), dataclasses.replace(clothing, expected=20))
    monkeypatch.setattr(module, "SOURCES", small)
    with Server(copy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("BASE_URL", server.url)
        yield server
        server.shutdown()
        thread.join()


def test_without_the_users_word_the_sizes_are_said_and_nothing_is_fetched(server, tmp_path, capsys):
    assert module.main(["--folder", str(tmp_path / "cache")]) == 0

    said = capsys.readouterr().out
    assert "street: 7 files" in said and "clothing: 20 files" in said and "MB" in said and "CC0" in said
    assert "YES=1" in said
    assert not (tmp_path / "cache").exists()


def test_what_comes_is_what_training_reads(server, tmp_path, capsys):
    cache = tmp_path / "cache"

    assert module.main(["--yes", "--folder", str(cache)]) == 0

    photos = load_tagged(cache / "street")
    assert [path.read_bytes() for path in photos.paths] == [b"photo 1005", b"photo 1006", b"photo 1007"]
    assert [np.flatnonzero(own).tolist() for own in photos.labels] == [[0, 1], [], [4, 8, 9]]
    entries = json.loads((cache / "street" / "tagged.json").read_text())
    assert entries[0]["tags"] == ["null", "t-shirt", "jeans"]
    assert load_garments(cache / "clothing", "train").folders.tolist() == list(range(10))
    assert not (cache / "clothing" / "test").exists()
    assert not (cache / "street" / "photos" / "1004.jpg").exists()
    assert "both sets are whole; 3 street photos" in capsys.readouterr().out


def test_a_second_start_fetches_only_what_is_missing_or_damaged(server, tmp_path):
    cache = tmp_path / "cache"
    module.main(["--yes", "--folder", str(cache)])
    (cache / "street" / "photos" / "1005.jpg").write_bytes(b"photo 9999")
    (cache / "clothing" / "train" / "hat" / "a b.jpg").unlink()
    server.asked.clear()

    assert module.main(["--yes", "--folder", str(cache)]) == 0

    files = [path for path in server.asked if not path.startswith("repos/")]
    assert sorted(files) == [f"{CLOTHING}/train/hat/a b.jpg", f"{STREET}/photos/1005.jpg"]
    assert (cache / "street" / "tagged" / "1005.jpg").read_bytes() == b"photo 1005"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda whole: (whole[:-1] + b"?", 200, len(whole)), "that are not the file listed"),
        (lambda whole: (whole[:3], 200, len(whole)), "1006.jpg: "),
        (lambda whole: (b"", 404, 0), "1006.jpg: HTTP Error 404"),
        (lambda whole: (b"", 503, 0), "1006.jpg: HTTP Error 503"),
    ],
)
def test_a_file_that_cannot_be_had_is_one_error_and_leaves_nothing(server, tmp_path, capsys, answer, message):
    server.broken[f"{STREET}/photos/1006.jpg"] = answer

    assert module.main(["--yes", "--folder", str(tmp_path / "cache")]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and line.endswith("run the same command again")
    assert not list((tmp_path / "cache").rglob("1006.jpg*"))
    server.broken.clear()
    assert module.main(["--yes", "--folder", str(tmp_path / "cache")]) == 0


@pytest.fixture
def room_for_64_bytes():
    """No file can grow beyond 64 bytes: the system says so as it does of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_is_one_error_and_leaves_no_part_of_a_file(
    server, tmp_path, capsys, room_for_64_bytes
):
    (line,) = failed(tmp_path / "cache", capsys)

    assert line.startswith(f"street: {tmp_path / 'cache'}: File too large") and line.endswith("again")
    assert not list((tmp_path / "cache").rglob("*.part"))


def failed(cache, capsys):
    assert module.main(["--yes", "--folder", str(cache)]) == 1
    return capsys.readouterr().err.splitlines()


def test_a_folder_that_cannot_be_made_is_one_error(server, tmp_path, capsys):
    (tmp_path / "cache").write_text("a file is in the way")

    (line,) = failed(tmp_path / "cache", capsys)

    assert f"{tmp_path / 'cache'}" in line and "Not a directory" in line


def test_a_set_of_another_size_and_a_page_that_is_no_listing_are_refused(server, tmp_path, capsys):
    (server.root / CLOTHING / "train" / "hat" / "b.jpg").write_bytes(b"one more")
    assert module.main(["--yes", "--folder", str(tmp_path / "cache")]) == 1
    assert "lists 21 files" in capsys.readouterr().err

    server.broken[f"repos/{module.SOURCES[0].repository}/git/trees/master"] = lambda _: (b"<html>", 200, 6)
    assert module.main(["--yes", "--folder", str(tmp_path / "cache")]) == 1
    assert "not a listing of files" in capsys.readouterr().err


def test_no_server_is_one_error(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("BASE_URL", "http://127.0.0.1:1")

    assert module.main(["--yes", "--folder", str(tmp_path)]) == 1
    assert "refused" in capsys.readouterr().err


def test_a_damaged_tag_file_is_named(server, tmp_path, capsys):
    (server.root / STREET / "annotations" / "image-level" / "1006.mat").write_bytes(b"no matrix")

    assert module.main(["--yes", "--folder", str(tmp_path / "cache")]) == 1
    assert "1006.mat: no 'tags' in it" in capsys.readouterr().err
