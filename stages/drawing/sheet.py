"""The picture of a contact sheet: crops in a grid, each with a plate of the person's garments below it."""

from collections.abc import Sequence

import cv2
import numpy as np

from fashion_pipeline.stages.drawing.draw import letterbox
from fashion_pipeline.stages.drawing.plates import PAPER_BGR, Row, Sizes, draw_plate, size_of
from framegraph.packet import Image

CROP_WH = (176, 320)
ROWS = 6
MARGIN_PX = 8
PAPER, INK = 245, (30, 30, 30)


def draw_sheet(crops_bgr: Sequence[Image], plates: Sequence[Sequence[Row]], columns: int) -> Image:
    """Return a BGR picture of all crops, row by row, each with the first six lines of its plate.

    Without crops the sheet says so.
    """
    sizes = Sizes.of(np.zeros((CROP_WH[1], CROP_WH[0], 3), np.uint8))
    fullest = size_of([Row("#", 1.0)] * ROWS, sizes)[1]
    cell_w, cell_h = CROP_WH[0] + MARGIN_PX, CROP_WH[1] + fullest + MARGIN_PX
    across = min(columns, max(1, len(crops_bgr)))
    down = -(-max(1, len(crops_bgr)) // across)
    sheet = np.full((down * cell_h + MARGIN_PX, across * cell_w + MARGIN_PX, 3), PAPER, np.uint8)
    for number, (crop_bgr, rows) in enumerate(zip(crops_bgr, plates, strict=True)):
        left = number % across * cell_w + MARGIN_PX
        top = number // across * cell_h + MARGIN_PX
        sheet[top : top + CROP_WH[1], left : left + CROP_WH[0]] = letterbox(crop_bgr, CROP_WH)
        # Drawn into a separate picture, so that long text is cut at the edge of its cell.
        plate_bgr = np.full((fullest, CROP_WH[0], 3), PAPER_BGR, np.uint8)
        draw_plate(plate_bgr, rows[:ROWS], (0, 0), sizes)
        sheet[top + CROP_WH[1] : top + CROP_WH[1] + fullest, left : left + CROP_WH[0]] = plate_bgr
    if not crops_bgr:
        at = MARGIN_PX, CROP_WH[1] // 2
        cv2.putText(sheet, "nobody was found", at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return sheet
