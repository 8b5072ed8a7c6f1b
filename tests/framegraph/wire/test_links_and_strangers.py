"""Bytes from strangers at an outlet and an inlet."""

import os

import pytest

from framegraph.wire import codec
from framegraph.wire.outlet import CREDIT, LINK_HEAD
from tests.framegraph.wire.links_kit import Net, Stranger, credit, link_head, packet


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([os.urandom(200)], id="random bytes"),
        pytest.param([b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([credit(), b"more"], id="two frames"),
        pytest.param([os.urandom(CREDIT.size)], id="random bytes of the right length"),
        pytest.param([credit() + b"x"], id="a byte more"),
        pytest.param([credit()[:-1]], id="a byte less"),
        pytest.param([credit(magic=b"LNK1")], id="another version"),
        pytest.param([credit(upto=2**62 + 1)], id="upto out of range"),
        pytest.param([credit(received=-1)], id="received -1"),
        pytest.param([credit(received=2, upto=1)], id="less room than it has"),
    ],
)
def test_junk_on_an_outlet_is_rejected_and_counted_and_the_link_goes_on(
    net: Net, frames: list[bytes]
) -> None:
    stranger = Stranger(net, "detect.1#0")
    stranger.send(*frames)
    assert_rejected(net, stranger)


@pytest.mark.parametrize(
    "identity", ["film.0#0", "detect", "detect.0", "detect.x#0", "detect.-1#0", "d\u00e9tect.0#0"]
)
def test_credit_of_one_that_is_not_linked_is_rejected_and_counted(net: Net, identity: str) -> None:
    stranger = Stranger(net, identity)
    stranger.say(upto=9)
    assert_rejected(net, stranger)


def assert_rejected(net: Net, stranger: Stranger) -> None:
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
        pytest.param([os.urandom(200)], id="random bytes"),
        pytest.param([LINK_HEAD.pack(b"LNK1", 9, 1)], id="another version of the link"),
        pytest.param([link_head(0, 1), b""], id="an empty packet"),
        pytest.param([link_head(0, 1) + b"\xdd\xff\xff\xff\xff"], id="a huge length"),
        pytest.param([link_head(0, 1) + codec.pack({"v": 2})], id="another version"),
        pytest.param(
            [link_head(0, 1) + bytes(codec.encode_packet(packet(0))[0]), b"x", b"y"], id="frames too many"
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

    old = link_head(2, 5) + bytes(codec.encode_packet(packet(9))[0])
    net.outlet.socket.send_multipart([b"detect.0#0", old])
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
