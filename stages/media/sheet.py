"""The picture of a contact sheet: crops in a grid, with words under each."""

from collections.abc import Sequence

import cv2
import numpy as np

from runtime.packet import Image
from stages.media.draw import letterbox

CROP_WH = (160, 320)
LINE_PX = 18
LINES = 4
MARGIN_PX = 8
PAPER, INK = 245, (30, 30, 30)
_SCALE = 0.42


def draw_sheet(crops_bgr: Sequence[Image], words: Sequence[Sequence[str]], columns: int) -> Image:
    """Return a BGR picture of all crops, row by row; `words` are lines for each, the first four are shown.

    Without a crop it is a sheet that says so.
    """
    cell_w, cell_h = CROP_WH[0] + MARGIN_PX, CROP_WH[1] + LINES * LINE_PX + MARGIN_PX
    across = min(columns, max(1, len(crops_bgr)))
    down = -(-max(1, len(crops_bgr)) // across)
    sheet = np.full((down * cell_h + MARGIN_PX, across * cell_w + MARGIN_PX, 3), PAPER, np.uint8)
    for number, crop_bgr in enumerate(crops_bgr):
        left = number % across * cell_w + MARGIN_PX
        top = number // across * cell_h + MARGIN_PX
        sheet[top : top + CROP_WH[1], left : left + CROP_WH[0]] = letterbox(crop_bgr, CROP_WH)
        _write(sheet, words[number], left, top + CROP_WH[1])
    if not crops_bgr:
        _write(sheet, ["nobody was found"], MARGIN_PX, CROP_WH[1] // 2)
    return sheet


def sharpness(crop_bgr: Image) -> float:
    """Return how sharp a crop is: the deviation of its second derivative at a height of 128 pixels.

    At one height, or a picture scaled up would count as blurred and a small one as sharp.
    """
    height, width = crop_bgr.shape[:2]
    size_wh = (max(1, round(width * 128 / height)), 128)
    method = cv2.INTER_AREA if height > 128 else cv2.INTER_LINEAR
    grey = cv2.cvtColor(cv2.resize(crop_bgr, size_wh, interpolation=method), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).std())


def _write(sheet: Image, lines: Sequence[str], left: int, top: int) -> None:
    for number, line in enumerate(lines[:LINES]):
        baseline = (left, top + (number + 1) * LINE_PX - 4)
        cv2.putText(sheet, line, baseline, cv2.FONT_HERSHEY_SIMPLEX, _SCALE, INK, 1, cv2.LINE_AA)
