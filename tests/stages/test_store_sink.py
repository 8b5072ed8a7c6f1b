"""store_sink: what it writes of each frame, the same after a death."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from fashion_pipeline.stages.store_sink import StoreSink
from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import reading
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.testing import make_packet, make_stage, run_sink


def packets() -> list[Packet]:
    picture_bgr = np.full((100, 120, 3), 127, np.uint8)
    found = []
    for seq in range(6):
        person = {
            "box": [10.0, 5.0, 30.0 + seq, 65.0],
            "score": 0.9,
            "track": 1,
            "garments": [{"label": "Coat", "score": 0.8, "region": "upper", "color": "red"}],
            "unsure": [],
        }
        people = {"people": [person]} if seq != 3 else {}
        packet = make_packet(picture_bgr, seq=seq, status="ok" if seq != 3 else "failed", **people)
        packet.uri = "film.mp4"
        found.append(packet)
    found[5].dropped = [(4, 4, "leaky")]
    return found


@pytest.mark.parametrize("die_after", [None, 1, 4])
def test_a_visit_with_its_garments_and_its_best_picture(tmp_path: Path, die_after: int | None) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    run_sink(StoreSink, packets(), {"url": url, "views": 40}, die_after=die_after)
    with reading(url) as connection:
        (visit,) = connection.execute(sa.select(schema.visits)).all()
        (worn,) = connection.execute(sa.select(schema.visit_garments)).all()
        (view,) = connection.execute(sa.select(schema.best_views)).all()
        (minute,) = connection.execute(sa.select(schema.coverage)).all()
        (stream,) = connection.execute(sa.select(schema.streams)).all()
    assert (visit.track, visit.frames, visit.is_over) == (1, 5, True)
    assert (worn.is_told, worn.probability) == (True, 0.8)
    assert cv2.imdecode(np.frombuffer(view.jpeg, np.uint8), cv2.IMREAD_COLOR).shape[0] == 40
    assert (minute.analysed, minute.failed, minute.dropped) == (5, 1, 1)
    assert (stream.clock, stream.uri, stream.begin_ns) == ("film", "film.mp4", 0)


def test_a_film_that_says_when_it_began_has_the_wall_clock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    packet = packets()[0]
    packet.clock_ns = 1_700_000_000_000_000_000
    run_sink(StoreSink, [packet], {"url": url, "views": 0})
    with reading(url) as connection:
        (stream,) = connection.execute(sa.select(schema.streams)).all()
        assert connection.execute(sa.select(schema.best_views)).all() == []
    assert (stream.clock, stream.begin_ns) == ("wall", packet.clock_ns)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(GraphError, match="property 'url': 'mysql://host/db': databases of kind 'mysql'"):
        make_stage(StoreSink, {"url": "mysql://host/db"})
