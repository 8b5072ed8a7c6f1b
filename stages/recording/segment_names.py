"""Names of the segments of one film: `{time}` and `{index}` in the name of the location."""

import datetime
import re
from collections.abc import Collection
from pathlib import Path

from framegraph.errors import GraphError

_TIME = "%Y%m%dT%H%M%SZ"
_PATTERNS = {"{time}": r"(?P<time>\d{8}T\d{6}Z)", "{index}": r"(?P<index>\d{5,})"}


def check_places(location: str, word: str, example: str, *, is_set: bool) -> None:
    """Raise GraphError unless a location has a place for many files exactly when `word`, the property that
    asks for many, is set."""
    path = Path(location)
    has_place = has_places(path)
    if is_set and not has_place:
        better = path.with_name(f"{path.stem}-{{time}}{path.suffix}")
        raise GraphError(
            f"{word} is set, but the file name in location '{location}' has no place that tells its files "
            f"apart; put {{time}} or {{index}} into it, e.g. {better}"
        )
    if has_place and not is_set:
        raise GraphError(
            f"location '{location}' has a place for many files, but {word} is not set; "
            f"set it, e.g. {word}: {example}"
        )


def has_places(location: Path) -> bool:
    """Return whether a location stands for many files."""
    return any(place in location.name for place in _PATTERNS)


class SegmentNames:
    """The segments that a location stands for, on disk and to come.

    `{index}` counts on from the highest on disk, and a second segment of the same second is called -2, so
    that no segment, of this run or another, is ever overwritten.
    """

    def __init__(self, location: Path) -> None:
        self._folder = location.parent
        self._template = location.name
        stem, suffix = location.stem, location.suffix
        pattern = re.escape(stem)
        for place, expression in _PATTERNS.items():
            # The first place is the name of a group; the same word again is only matched.
            pattern = pattern.replace(re.escape(place), expression, 1)
            pattern = pattern.replace(re.escape(place), expression.replace(f"?P<{place[1:-1]}>", "?:"))
        self._pattern = re.compile(rf"{pattern}(?:-(?P<number>\d+))?{re.escape(suffix)}")

    def on_disk(self) -> list[Path]:
        """Return the segments in the folder, oldest first."""
        found = []
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            match = self._pattern.fullmatch(path.name)
            if match:
                words = match.groupdict()
                order = (int(words.get("index") or -1), words.get("time") or "", int(words["number"] or 1))
                found.append((order, path))
        return [path for _order, path in sorted(found)]

    def next_name(self, capture_time_ns: int) -> str:
        """Return the name of a segment that begins with a frame captured then (UTC, ns since 1970)."""
        began = datetime.datetime.fromtimestamp(capture_time_ns / 1e9, datetime.UTC)
        indices = [int(self._word(path, "index") or -1) for path in self.on_disk()]
        name = self._template.replace("{time}", began.strftime(_TIME))
        name = name.replace("{index}", f"{max(indices, default=-1) + 1:05d}")
        plain, number = Path(name), 1
        while (self._folder / name).exists():
            number += 1
            name = f"{plain.stem}-{number}{plain.suffix}"
        return name

    def _word(self, path: Path, word: str) -> str | None:
        match = self._pattern.fullmatch(path.name)
        return match.groupdict().get(word) if match else None

    def surplus(self, keep: int, kept: Collection[str]) -> list[Path]:
        """Return the oldest segments, so many that `keep` stay; never one of those named in `kept`."""
        segments = self.on_disk()
        return [path for path in segments if path.name not in kept][: max(0, len(segments) - keep)]
