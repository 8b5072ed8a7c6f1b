"""Frames' outcomes, as the words of the header that count them."""

from framegraph.frames import layout
from framegraph.packet import OK


def counter_of(status: str, stages: tuple[str, ...]) -> int:
    """Return the word that counts a status; `stages` are those at which a frame can fail."""
    if status == OK:
        return layout.H_DELIVERED
    if status in layout.REASONS:
        return layout.H_DROPPED + layout.REASONS.index(status)
    return layout.H_FAILED + stages.index(status.removeprefix("failed(").removesuffix(")"))


def status_of(counter: int, stages: tuple[str, ...]) -> str:
    """Return the status counted by a word: "ok", or why the frame will not be analysed."""
    if counter == layout.H_DELIVERED:
        return OK
    if counter < layout.H_FAILED:
        return layout.REASONS[counter - layout.H_DROPPED]
    return f"failed({stages[counter - layout.H_FAILED]})"
