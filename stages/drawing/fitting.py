"""People's positions after their picture has been fitted into another size."""

from fashion_pipeline.fashion.findings import Person
from fashion_pipeline.stages.drawing.draw import draw_people, letterbox, mark_not_analysed, moved
from framegraph.packet import OK, Image


def fitted_people(people: list[Person], own_wh: tuple[int, int], size_wh: tuple[int, int]) -> list[Person]:
    """Return the people with their boxes moved as `letterbox` fits a picture of `own_wh` into `size_wh`."""
    own_w, own_h = own_wh
    width, height = size_wh
    if own_w <= width < own_w + 2 and own_h <= height < own_h + 2:
        return people
    scale = min(width / own_w, height / own_h)
    left, top = (width - own_w * scale) / 2, (height - own_h * scale) / 2
    return moved(people, scale, left, top)


def drawn_frame(
    image_bgr: Image,
    people: list[Person],
    status: str,
    *,
    people_wh: tuple[int, int],
    size_wh: tuple[int, int],
) -> Image:
    """Return a copy of the picture, fitted into `size_wh`, with its people on it; marked as not analysed
    if its status is not "ok". `people_wh`: size of the picture to which the people's boxes refer."""
    drawn_bgr = letterbox(image_bgr, size_wh)
    if status == OK:
        draw_people(drawn_bgr, fitted_people(people, people_wh, size_wh))
    else:
        mark_not_analysed(drawn_bgr, status)
    return drawn_bgr
