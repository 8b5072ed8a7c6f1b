"""Dropped stretches that no sent frame has told of yet: a few words of the custody file's header."""

from collections.abc import Iterable

from framegraph.frames import layout

Stretch = tuple[int, int, int]
"""First seq, last seq, number of the reason in layout.REASONS."""
Change = tuple[int, int]
"""A word's address and its new value."""


def told_words(words: "memoryview[int]") -> list[int]:
    """Return the record as it stands: how many stretches, then the three numbers of each."""
    count = words[layout.H_TOLD]
    return [words[layout.H_TOLD + offset] for offset in range(1 + 3 * count)]


def stretches_of(words: list[int]) -> list[Stretch]:
    """Read stretches from a record, in the header or in a frame's slot."""
    return [(words[i], words[i + 1], words[i + 2]) for i in range(1, 1 + 3 * words[0], 3)]


def merged(stretches: list[Stretch], new: Stretch) -> list[Stretch]:
    """Add a stretch, joined with the last one where they meet."""
    if stretches and stretches[-1][1] + 1 == new[0]:
        last = stretches[-1]
        # When the reasons alternate beyond what the record holds, the last stretch takes the newest
        # reason; the counters stay exact.
        if last[2] == new[2] or len(stretches) == layout.MAX_STRETCHES:
            return [*stretches[:-1], (last[0], new[1], new[2])]
    return [*stretches, new][-layout.MAX_STRETCHES :]


def changes(stretches: Iterable[Stretch]) -> list[Change]:
    """Return what a transaction has to write so that the header holds these stretches."""
    values = [value for stretch in stretches for value in stretch]
    return [
        (layout.H_TOLD, len(values) // 3),
        *((layout.H_TOLD + 1 + offset, value) for offset, value in enumerate(values)),
    ]
