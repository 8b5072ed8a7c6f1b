"""What reads bytes and texts that may come from anywhere, and what it may answer with."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fashion_pipeline.stages.media.checks import check_uri
from fashion_pipeline.stages.media.playlist import why_not_played
from framegraph.delivery.journal import Journal
from framegraph.errors import GraphError, StageError, WireError
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ledger import read_ledger
from framegraph.frames.store import FrameStore
from framegraph.graph.one_line import is_one_line, read_one_line
from framegraph.graph.reader import read_graph
from framegraph.graph.yaml_text import node_from_text
from framegraph.packet import Packet, PixelHandle
from framegraph.stage import Frame
from framegraph.support import secrets
from framegraph.support.checked_record import pack_record
from framegraph.support.progress import ProgressFile, progress_path
from framegraph.support.texts import as_one_entry, in_one_line
from framegraph.traces.timeline import read_trace
from framegraph.wire import codec


@dataclass(frozen=True)
class Target:
    """`read` is given damaged bytes (or, of texts, a text). It may raise what is `allowed` and nothing else."""

    name: str
    valid: list[bytes]
    read: Callable[[Any], object]
    allowed: tuple[type[Exception], ...]
    is_text: bool = False


def packets() -> list[bytes]:
    """Headers of packets as they travel."""
    people = [{"box": [1.0, 2.0, 3.0, 4.0], "score": 0.5, "garments": [{"label": "Coat"}]}]
    crops = [{"box": [1.0, 2.0, 3.0, 4.0], "crops": {"whole": np.zeros((4, 2, 3), np.uint8)}}]
    handle = PixelHandle(pool="camera", slot=1, generation=7, shape=(36, 64, 3))
    found = []
    metas: list[dict[str, Any]] = [{}, {"people": people}, {"people": crops}, {"text": "x" * 300}]
    for number, meta in enumerate(metas):
        packet = Packet(source="camera", seq=number, size_wh=(64, 36), meta=meta, handle=handle)
        packet.dropped = [(0, 3, "late")] * number
        found.append(bytes(codec.encode_packet(packet)[0]))
    return found


def _commands() -> list[bytes]:
    return [
        codec.pack({"v": 1, "id": 4, "verb": "set", "arguments": {"work.sleep": 1}}),
        codec.pack({"kind": "log", "level": "INFO", "text": "hello"}),
        codec.pack({"stage": "work", "replica": 0, "outlet": 0, "received": 0, "upto": 9, "leaving": False}),
    ]


def _progress(folder: Path) -> Target:
    location = folder / "results.jsonl"
    file = ProgressFile(location)
    for seq in range(3):
        last = {"seq": seq, "epoch": 0, "pts_ns": seq, "running_ns": seq}
        file.write(run="r", digest="d", source="camera", last=last, size_bytes=9 * seq, tally={"frames": seq})
    file.close()
    whole = progress_path(location).read_bytes()
    text = json.dumps({"run": "r", "of": "another version"}).encode()
    other = pack_record(text).ljust(8192, b"\0") * 2

    def read(data: bytes) -> None:
        progress_path(location).write_bytes(data)
        file = ProgressFile(location)
        try:
            file.read()
        finally:
            file.close()

    return Target("progress files", [whole, other], read, ())


def _journal(folder: Path) -> Target:
    path = folder / "journals" / "track.camera"
    journal = Journal(str(path), 4)
    for seq in range(7):
        journal.append(
            {"seq": seq, "is_gap": seq == 2, "highest_id": seq, "meta": {"people": [{"track": seq}]}}
        )
    journal.close()
    files = [Path(f"{path}.{letter}") for letter in "ab"]
    valid = [file.read_bytes() for file in files]

    def read(data: bytes) -> None:
        files[0].write_bytes(data)
        journal = Journal(str(path), 4)
        try:
            journal.last, journal.metas, journal.find(3)
        finally:
            journal.close()

    return Target("journals", valid, read, ())


def _frame_store(folder: Path) -> Target:
    path = folder / "frames"
    file = FrameStoreFile.create(path, 4)
    store = FrameStore(file, "camera", ("work", "results"))
    for number in range(3):
        image_bgr = np.full((8, 8, 3), number, np.uint8)
        store.capture(
            Frame(payload=image_bgr, pts_ns=number, running_ns=number, duration_ns=1, uri="film.mp4")
        )
    file.close()
    # The words: pixels are numbers of any kind anyway.
    words = path.read_bytes()[: 4096 * 5]
    size = path.stat().st_size

    def read(data: bytes) -> None:
        with path.open("r+b") as raw:
            raw.write(data[: 4096 * 5].ljust(4096 * 5, b"\0"))
            raw.truncate(size)
        file = FrameStoreFile(path, writable=True)
        try:
            read_ledger(file, ("work", "results"))
            FrameStore(file, "camera", ("work", "results"))
        finally:
            file.close()

    return Target("frame store files", [words], read, (StageError,))


def _trace(folder: Path) -> Target:
    path = folder / "trace.json"
    valid = [json.dumps({"traceEvents": [], "fashion": {"version": 1}}).encode(), b"[]", b"{}"]

    def read(data: bytes) -> None:
        path.write_bytes(data)
        read_trace(path)

    return Target("traces", valid, read, (GraphError,))


def _graphs(folder: Path) -> Target:
    path = folder / "graph.yaml"
    text = Path(__file__).resolve().parents[3].joinpath("pipeline.yaml").read_bytes()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        read_graph(path)

    return Target("graph files", [text], read, (GraphError,))


def _playlists(folder: Path) -> Target:
    path = folder / "list.m3u8"
    valid = [b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="a.key"\n#EXTINF:2,\na.ts\n']

    def read(data: bytes) -> None:
        path.write_bytes(data)
        why_not_played(path)

    return Target("playlists", valid, read, ())


def _texts() -> Iterator[Target]:
    def shown(text: str) -> None:
        secrets.learn_value("s3cret")
        for say in (
            secrets.redact,
            secrets.without_password,
            secrets.without_passwords,
            as_one_entry,
            in_one_line,
        ):
            say(text)
        secrets.passwords_in(text)

    def in_graph(text: str) -> None:
        if is_one_line(text):
            read_one_line(text)

    yield Target("texts for people", [], shown, (), is_text=True)
    yield Target(
        "values of --set", [], lambda text: node_from_text(text, "--set x"), (GraphError,), is_text=True
    )
    yield Target("graphs in one line", [], lambda text: in_graph(f"a ! {text}"), (GraphError,), is_text=True)
    yield Target("addresses", [], lambda text: check_uri(text.replace("\0", "")), (GraphError,), is_text=True)


@contextmanager
def all_targets() -> Iterator[list[Target]]:
    """Everything that is read back, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        place = Path(folder)
        os.environ.setdefault("A", "value")
        yield [
            Target("packets", packets(), lambda data: codec.decode_packet([data]), (WireError,)),
            Target("messages", _commands(), codec.unpack, (WireError,)),
            _progress(place),
            _journal(place),
            _frame_store(place),
            _trace(place),
            _graphs(place),
            _playlists(place),
            *_texts(),
        ]
