"""Events over MQTT with a real broker: all arrive, over restarts of it and of the sink; what waits is bounded."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fashion_pipeline.stages.events.broker import read_broker
from fashion_pipeline.stages.events.spool import MAX_IN_FLIGHT, Spool
from fashion_pipeline.stages.events_sink import EventsSink
from framegraph.packet import Packet
from framegraph.stage import Cut
from framegraph.testing import make_packet, make_stage
from tests.brokers import PASSWORD, USER, Mosquitto, Subscriber
from tests.launching import lines, wait_for


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as made:
        yield made


def frame(seq: int) -> Packet:
    """One person comes, and the one before is gone: an event or two a frame."""
    return make_packet(seq=seq, people=[{"track": seq + 1, "box": [0.0, 0.0, 8.0, 8.0], "score": 0.9}])


class Run:
    """A sink driven as the machine does, that can die and be succeeded."""

    def __init__(self, folder: Path, broker: str, **properties: Any) -> None:
        self.location = folder / "events.jsonl"
        self.properties = {
            "location": str(self.location),
            "broker": broker,
            "leave-after": 0,
            "drain": 20,
            **properties,
        }
        self.cut: Cut | None = None
        self.seq = 0
        self.begin()

    def begin(self) -> None:
        self.sink = make_stage(EventsSink, self.properties, source="camera")
        self.sink.open()
        self.sink.open_at(self.location, self.cut)

    def write(self, count: int) -> None:
        for seq in range(self.seq, self.seq + count):
            self.sink.process(frame(seq))
            self.cut = self.sink.position()
            self.sink.committed()
        self.seq += count

    def die(self) -> None:
        """What a kill leaves: the progress as it was; the next frame was written and is not committed."""
        self.sink.process(frame(self.seq))
        self.sink.close()

    def finish(self) -> str:
        self.sink.finish()
        self.sink.close()
        return self.sink.remarks()[0]


def keys(events: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return [(event["seq"], event["track"], event["event"]) for event in events]


def test_every_line_of_the_file_is_published(tmp_path: Path, broker: Mosquitto) -> None:
    broker.start()
    with Subscriber(broker) as subscriber:
        subscriber.wait()
        run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}", topic="shop/{source}")
        run.write(50)
        assert run.finish() == "MQTT: the broker has every event"
        wait_for(lambda: len(subscriber.heard) >= 100, "events")
    assert subscriber.events == lines(run.location)
    assert {topic for topic, _event in subscriber.heard} == {"shop/camera"}


@pytest.mark.slow
def test_a_broker_that_comes_late_gets_everything(tmp_path: Path, broker: Mosquitto) -> None:
    run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}")
    run.write(100)
    broker.start()
    with Subscriber(broker) as subscriber:
        subscriber.wait()
        run.write(1)
        assert run.finish() == "MQTT: the broker has every event"
        # What was published before it subscribed went to nobody: it is the broker that has to have it.
        wait_for(lambda: keys(subscriber.events)[-1:] == keys(lines(run.location))[-1:], "the last event")


@pytest.mark.slow
def test_a_broker_that_restarts_loses_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    broker.start()
    with Subscriber(broker) as subscriber:
        subscriber.wait()
        run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}")
        for _restart in range(3):
            run.write(30)
            wait_for(lambda: set(keys(lines(run.location))) <= set(keys(subscriber.events)), "events")
            broker.kill()
            run.write(30)
            subscriber.is_subscribed.clear()
            broker.start()
            subscriber.wait()
        run.finish()
        wait_for(lambda: set(keys(lines(run.location))) <= set(keys(subscriber.events)), "all events")


def test_after_the_sinks_death_each_event_comes_at_least_once(tmp_path: Path, broker: Mosquitto) -> None:
    broker.start()
    with Subscriber(broker) as subscriber:
        subscriber.wait()
        run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}")
        for _death in range(5):
            run.write(7)
            run.die()
            run.begin()
        run.finish()
        wait_for(lambda: set(keys(lines(run.location))) <= set(keys(subscriber.events)), "all events")
    assert set(keys(subscriber.events)) == set(keys(lines(run.location)))
    assert len(lines(run.location)) == 70


@pytest.mark.slow
def test_what_does_not_fit_the_spool_is_passed_over_and_counted(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}", **{"max-spool": 4000})
    run.write(60)
    run.die()
    run.begin()
    run.write(60)
    written = lines(run.location)
    broker.start()
    with Subscriber(broker) as subscriber:
        subscriber.wait()
        with caplog.at_level(logging.INFO):
            remark = run.finish()
    passed_over = int(remark.removeprefix("MQTT: ").split()[0])
    assert "events were skipped (max-spool)" in remark
    assert 200 < passed_over < 240
    heard = keys(subscriber.events)
    assert not set(heard) & set(keys(written[:100]))
    assert "not published" not in remark


def test_a_broker_that_is_away_at_the_end_is_said_so(tmp_path: Path, broker: Mosquitto) -> None:
    run = Run(tmp_path, f"mqtt://127.0.0.1:{broker.port}", drain=0.2)
    run.write(10)
    assert run.finish() == "MQTT: 20 were not published: it cannot be reached: Connection refused"


def test_a_wrong_password_is_said_once_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path, with_password=True) as broker, caplog.at_level(logging.DEBUG):
        broker.start()
        wrong = Run(
            tmp_path, f"mqtt://{USER}:not-{quote(PASSWORD, safe='')}@127.0.0.1:{broker.port}", drain=2.5
        )
        wrong.write(3)
        assert "6 were not published" in wrong.finish()
        refused = [record.message for record in caplog.records if "refuses" in record.message]
        assert refused == [
            f"the broker 127.0.0.1:{broker.port}: it refuses us: Not authorized; check user and password; events wait, trying again"
        ]
        with Subscriber(broker, user=USER, password=PASSWORD) as subscriber:
            subscriber.wait()
            right = Run(tmp_path, f"mqtt://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{broker.port}")
            right.write(3)
            assert right.finish() == "MQTT: the broker has every event"
            wait_for(lambda: len(subscriber.heard) >= 6, "events")
    assert PASSWORD not in caplog.text
    assert quote(PASSWORD, safe="") not in caplog.text
    assert PASSWORD not in str(read_broker(f"mqtt://{USER}:{quote(PASSWORD, safe='')}@host"))
    assert PASSWORD not in repr(read_broker(f"mqtt://{USER}:{quote(PASSWORD, safe='')}@host"))


def test_a_spool_goes_on_from_the_oldest_line_that_is_not_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    texts = [json.dumps({"n": number, "text": "x" * number * 400}).encode() for number in range(30)]
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    spool = Spool(path, start=0, dropped=0, max_bytes=10**6)
    spool.allow(path.stat().st_size)
    for number in range(MAX_IN_FLIGHT):
        assert spool.next() == texts[number]
        spool.sent(number)
    assert spool.next() is None
    spool.confirm(1)
    assert spool.place == 0
    spool.confirm(0)
    assert spool.place == len(texts[0]) + len(texts[1]) + 2
    assert spool.left() == 28
    again = Spool(path, start=spool.place, dropped=0, max_bytes=10**6)
    again.allow(path.stat().st_size)
    assert again.next() == texts[2]
    assert again.left() == 28
