"""Turning pictures upright asks no more of a frame than it has to."""

from fashion_pipeline.stages.media.pictures import Turns


class Frame:
    """Counts how often it is asked for its side data, which in PyAV keeps the frame in memory."""

    asked = 0

    def __init__(self, rotation: int) -> None:
        self.rotation = rotation

    @property
    def side_data(self) -> dict[str, object]:
        Frame.asked += 1
        return {}


def test_side_data_is_asked_for_once_a_rotation() -> None:
    turns = Turns()
    for rotation in (0, 0, 90, 0, 90, 90):
        assert turns.matrix(Frame(rotation)) is None  # type: ignore[arg-type]
    assert Frame.asked == 2
