"""Skipping a picture that kills its decoder: what to leave out, decided without decoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from fashion_pipeline.stages.media.timing import Mark, Reel
from framegraph.stage import Resume


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap:
    """Shots to leave out, in display order, and the time stamp of the key frame to begin at after them. If
    there is none, `begin_ns` is later than all shots."""

    shots: tuple[Mark, ...]
    begin_ns: int


def gap_after(marks: Sequence[Mark], after_ns: int | None, begin_ns: int | None) -> Gap | None:
    """Return what has to be left out between the shot at `after_ns` (None: the start) and a key frame after
    it; None if nothing comes after it.

    The decoder died on its way from that shot to the next. If it had begun at `begin_ns`, which is later than
    `after_ns`, that very key frame may be what kills, so it goes on at the one after.
    """
    later = sorted(
        (mark for mark in marks if after_ns is None or mark.pts_ns > after_ns), key=lambda mark: mark.pts_ns
    )
    if not later:
        return None
    asked_ns = later[0].pts_ns if begin_ns is None else max(begin_ns, later[0].pts_ns)
    keys = (mark.pts_ns for mark in later if mark.is_key and mark.pts_ns > asked_ns)
    next_ns = next(keys, later[-1].pts_ns + 1)
    return Gap(shots=tuple(mark for mark in later if mark.pts_ns < next_ns), begin_ns=next_ns)


def find_gap(
    marks: Sequence[Mark],
    reel: Reel,
    resume: Resume | None,
    before_ns: int | None,
    offset_ns: int,
    *,
    loop: bool,
) -> tuple[Gap, Resume] | None:
    """Return what to leave out after `resume`, and its last shot as what to resume from, not yet counted.

    `before_ns` and `offset_ns` are for a playing from its beginning: the time stamp before its first shot,
    and what makes running time of a time stamp. With `loop`, what comes after the end is the next round.
    """
    round_, captured = 0, 0
    if resume is None:
        gap = gap_after(marks, before_ns, None)
    else:
        round_, captured = resume.epoch // reel.segment_count, resume.captured
        offset_ns = resume.running_ns - resume.pts_ns
        gap = gap_after(marks, resume.pts_ns, resume.begin_ns)
        if gap is None and loop:
            round_, gap = round_ + 1, gap_after(marks, before_ns, None)
            if gap is not None:
                offset_ns = resume.running_ns + reel.shot_ns - gap.shots[0].pts_ns
    if gap is None:
        return None
    last = gap.shots[-1]
    return gap, Resume(
        captured=captured,
        epoch=round_ * reel.segment_count + last.segment,
        pts_ns=last.pts_ns,
        running_ns=last.pts_ns + offset_ns,
        begin_ns=gap.begin_ns,
    )
