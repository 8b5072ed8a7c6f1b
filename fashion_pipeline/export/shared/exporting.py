"""One export, from the words of its command to a file or folder."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fashion_pipeline.export import find
from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.records import STANDARD_INPUT, Line, in_order, read_lines
from fashion_pipeline.stages.recording.segment_names import SegmentNames, has_places
from framegraph.errors import GraphError


def export(words: Sequence[str], to: str, *, out: Path | None = None, run: str = "") -> str:
    """Write what the files that `words` name hold in the format `to`; return a line that says what was
    written. GraphError for wrong words, a damaged line, or a disk that fails; then nothing is written."""
    made = find(to)
    paths = _paths(words)
    place = out or _place(paths, made)
    if place.exists() or place.is_symlink():
        raise GraphError(f"{place} exists; remove it, or name another place with --out")
    count = _Count()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        made.write(count.all_of(read_lines(paths if len(paths) == 1 else in_order(paths), run)), place)
    except OSError as error:
        raise GraphError(f"{error.filename or place}: {error.strerror or error}") from None
    return f"wrote {place}: {count}"


class _Count:
    """How many frames and people went through."""

    def __init__(self) -> None:
        self._frames = self._analysed = self._people = 0

    def all_of(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            frames = line.last_seq - line.first_seq + 1
            self._frames += frames
            self._analysed += frames if line.is_analysed else 0
            self._people += len(line.people)
            yield line

    def __str__(self) -> str:
        missing = self._frames - self._analysed
        rest = f", {missing} not analysed" if missing else ""
        return f"{self._frames} frames{rest}; {self._people} boxes of people"


def _paths(words: Sequence[str]) -> list[Path]:
    """Return the files that the words stand for; GraphError for a word that stands for none."""
    found: list[Path] = []
    for word in words:
        path = Path(word)
        if path == STANDARD_INPUT or path.exists():
            files = [path]
        elif has_places(path):
            files = SegmentNames(path).on_disk()
        else:
            files = [Path(name) for name in sorted(glob.glob(word))]
        if not files:
            raise GraphError(f"{word}: there is no such file; name the results that json_sink has written")
        found += files
    if STANDARD_INPUT in found and len(found) > 1:
        raise GraphError("- is standard input and stands alone; name files, or pipe all of them into it")
    return found


def _place(paths: Sequence[Path], made: Format) -> Path:
    """Return the place beside the only file."""
    if len(paths) > 1 or paths[0] == STANDARD_INPUT:
        raise GraphError("say where to write with --out: only a single file of results has a place beside it")
    return paths[0].with_name(f"{paths[0].stem}{made.suffix}")
