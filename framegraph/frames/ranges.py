"""Dropped ranges that no sent frame has reported yet: a few words of the frame store file's header."""

from collections.abc import Iterable

from framegraph.frames import layout

DroppedRange = tuple[int, int, int]
"""First seq, last seq, number of the reason in layout.REASONS."""
Change = tuple[int, int]
"""A word's address and its new value."""


def told_words(words: "memoryview[int]") -> list[int]:
    """Return the record: the number of ranges, then the three numbers of each."""
    count = words[layout.H_TOLD]
    return [words[layout.H_TOLD + offset] for offset in range(1 + 3 * count)]


def ranges_of(words: list[int]) -> list[DroppedRange]:
    """Read ranges from a record, in the header or in a frame's slot."""
    return [(words[i], words[i + 1], words[i + 2]) for i in range(1, 1 + 3 * words[0], 3)]


def merged(ranges: list[DroppedRange], new: DroppedRange) -> list[DroppedRange]:
    """Add a range, joined with the last one where they meet."""
    if ranges and ranges[-1][1] + 1 == new[0]:
        last = ranges[-1]
        # When reasons alternate more often than the record can hold, the last range takes the newest reason;
        # the counters stay exact.
        if last[2] == new[2] or len(ranges) == layout.MAX_RANGES:
            return [*ranges[:-1], (last[0], new[1], new[2])]
    return [*ranges, new][-layout.MAX_RANGES :]


def changes(ranges: Iterable[DroppedRange]) -> list[Change]:
    """Return the words for a transaction that stores these ranges in the header."""
    values = [value for each in ranges for value in each]
    return [
        (layout.H_TOLD, len(values) // 3),
        *((layout.H_TOLD + 1 + offset, value) for offset, value in enumerate(values)),
    ]
