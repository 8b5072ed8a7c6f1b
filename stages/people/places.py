"""Positions of parts of a person as the person moves."""

from collections.abc import Sequence

Box = list[float]


def relative(part_xyxy: Sequence[float], person_xyxy: Sequence[float]) -> Box:
    """Return a part's box as fractions of the person's box; 0 and 1 are its edges."""
    x0, y0, x1, y1 = person_xyxy
    wide, high = max(x1 - x0, 1e-6), max(y1 - y0, 1e-6)
    left, top, right, bottom = part_xyxy
    return [(left - x0) / wide, (top - y0) / high, (right - x0) / wide, (bottom - y0) / high]


def placed(part: Sequence[float], person_xyxy: Sequence[float]) -> Box:
    """Undo `relative` for the person's current box, to a tenth of a pixel."""
    x0, y0, x1, y1 = person_xyxy
    wide, high = x1 - x0, y1 - y0
    left, top, right, bottom = part
    return [
        round(edge, 1) for edge in (x0 + left * wide, y0 + top * high, x0 + right * wide, y0 + bottom * high)
    ]


def inside(box_xyxy: Sequence[float], size_wh: Sequence[float]) -> Box:
    """Return a box clipped to a picture."""
    width, height = float(size_wh[0]), float(size_wh[1])
    x0, y0, x1, y1 = box_xyxy
    return [
        min(max(0.0, x0), width),
        min(max(0.0, y0), height),
        max(0.0, min(width, x1)),
        max(0.0, min(height, y1)),
    ]
