"""Bytes from strangers at an outlet and an inlet."""

import os
from typing import Any

import pytest

from runtime.wire import codec
from runtime.wire.outlet import LINK_HEAD
from tests.runtime.wire.links_kit import Net, Stranger, packet


def credit(**fields: Any) -> bytes:
    credit = {"stage": "detect", "replica": 0, "outlet": 0, "received": 0, "upto": 9, "leaving": False}
    said = credit | fields
    return codec.pack({name: value for name, value in said.items() if value is not ...})


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([os.urandom(200)], id="random bytes"),
        pytest.param([b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([credit(), b"more"], id="two frames"),
        pytest.param([credit(stage="film")], id="a stage that is not linked"),
        pytest.param([credit(stage=...)], id="no stage"),
        pytest.param([credit(replica=-1)], id="replica -1"),
        pytest.param([credit(upto="9")], id="upto as text"),
        pytest.param([credit(upto=2**63)], id="upto out of range"),
        pytest.param([credit(received=-1)], id="received -1"),
        pytest.param([credit(outlet=None)], id="no incarnation"),
    ],
)
def test_junk_on_an_outlet_is_rejected_and_counted_and_the_link_goes_on(
    net: Net, frames: list[bytes]
) -> None:
    stranger = Stranger(net, "stranger")
    stranger.send(*frames)
    net.until(lambda: net.outlet.rejected == 1)

    net.put(0)
    net.inlet("detect.0")
    net.until(lambda: net.seqs("detect.0") == [0])
    assert net.outlet.rejected == 1
    assert stranger.received() == []


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([b"short"], id="a short head"),
        pytest.param([os.urandom(17), b"x"], id="a long head"),
        pytest.param([LINK_HEAD.pack(0, 1), b""], id="an empty packet"),
        pytest.param([LINK_HEAD.pack(0, 1), b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([LINK_HEAD.pack(0, 1), codec.pack({"v": 2})], id="another version"),
        pytest.param(
            [LINK_HEAD.pack(0, 1), *map(bytes, codec.encode_packet(packet(0))), b"x", b"y"],
            id="frames too many",
        ),
    ],
)
def test_junk_at_an_inlet_is_rejected_and_counted_and_the_link_goes_on(net: Net, frames: list[bytes]) -> None:
    inlet = net.inlet("detect.0", capacity=1)
    net.until(lambda: bool(net.outlet._peers))
    net.outlet.socket.send_multipart([b"detect.0#0", *frames])
    net.until(lambda: inlet.rejected == 1)

    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    net.work_off("detect.0")
    net.put(1)
    net.until(lambda: net.seqs("detect.0") == [1])


def test_a_packet_of_an_earlier_outlet_is_passed_over(net: Net) -> None:
    net.end_outlet()
    net.new_outlet(3)
    net.inlet("detect.0")
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])

    old = [LINK_HEAD.pack(2, 5), *map(bytes, codec.encode_packet(packet(9)))]
    net.outlet.socket.send_multipart([b"detect.0#0", *old])
    net.put(1)
    net.until(lambda: net.seqs("detect.0") == [0, 1])


def test_an_inlet_leaves_an_upstream_process_and_takes_no_more_of_it(net: Net) -> None:
    inlet = net.inlet("detect.0")
    net.put(0)
    net.until(lambda: net.seqs("detect.0") == [0])
    inlet.disconnect(net.endpoint)
    net.work_off("detect.0")
    assert inlet.sockets == []
    net.put(1)
    net.quiet()
    assert net.seqs("detect.0") == []
