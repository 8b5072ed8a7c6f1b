"""A frame's outcome, as the word of the header that counts it."""

from framegraph.frames import layout
from framegraph.packet import OK


def counter_of(status: str, stages: tuple[str, ...]) -> int:
    """Return the word that counts frames of a status; `stages` are those that a frame can fail at."""
    if status == OK:
        return layout.H_DELIVERED
    if status in layout.REASONS:
        return layout.H_DROPPED + layout.REASONS.index(status)
    return layout.H_FAILED + stages.index(status.removeprefix("failed(").removesuffix(")"))


def status_of(counter: int, stages: tuple[str, ...]) -> str:
    """Return the status that a word counts: "ok", or why the frame will not be analysed."""
    if counter == layout.H_DELIVERED:
        return OK
    if counter < layout.H_FAILED:
        return layout.REASONS[counter - layout.H_DROPPED]
    return f"failed({stages[counter - layout.H_FAILED]})"
