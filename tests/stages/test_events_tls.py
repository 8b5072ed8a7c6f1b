"""Events over MQTT and TLS with a real broker: whom it trusts, and what stands in the way, with the remedy."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from fashion_pipeline.stages.events.broker import read_broker, why_unreachable
from fashion_pipeline.stages.events_sink import EventsSink
from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph_argument
from framegraph.testing import make_stage
from tests.brokers import PASSWORD, USER, Mosquitto, Subscriber, free_port
from tests.certificates import make_certificate
from tests.launching import PROJECT, lines, wait_for
from tests.stages.test_events_mqtt import Run

# The client's library leaves a connection that failed to be closed with its last reference, in a thread of its own.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _no_thread_outlives_this() -> Iterator[None]:
    yield
    wait_for(
        lambda: not any(thread.name.startswith("paho-mqtt") for thread in threading.enumerate()),
        "end of the threads",
    )


class TlsMosquitto(Mosquitto):
    """A broker with a port for TLS beside the plain one."""

    def __init__(self, folder: Path, certificate: Path, *, with_password: bool = False) -> None:
        super().__init__(folder, with_password=with_password)
        self.tls_port = free_port()
        conf = folder / "mosquitto.conf"
        keys = f"certfile {certificate}\nkeyfile {certificate.with_suffix('.key')}\n"
        conf.write_text(f"{conf.read_text()}listener {self.tls_port} 127.0.0.1\n{keys}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates: of this host, of another one, and of somebody else."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, subject_name in (
        ("here", "IP:127.0.0.1"),
        ("elsewhere", "DNS:broker.example"),
        ("stranger", "IP:127.0.0.1"),
    ):
        make_certificate(folder, name, subject_name)
    return folder


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[TlsMosquitto]:
    with TlsMosquitto(
        tmp_path_factory.mktemp("broker"), certificates / "here.pem", with_password=True
    ) as made:
        made.start()
        yield made


def mqtts(broker: TlsMosquitto, password: str = PASSWORD) -> str:
    return f"mqtts://{USER}:{quote(password, safe='')}@127.0.0.1:{broker.tls_port}"


def trouble_of(folder: Path, uri: str, **properties: object) -> str:
    """Try to publish, and return what stands in the way; the summary has to say the same."""
    run = Run(folder, uri, drain=0.05, **properties)
    run.write(2)
    publisher = run.sink._publisher
    trouble = wait_for(lambda: publisher.trouble, "what stands in the way", timeout_s=20)
    remark = run.finish()
    assert remark == f"MQTT: 4 were not published: {trouble}"
    assert PASSWORD not in remark
    assert len(lines(run.location)) == 4, "the file has them all the same"
    return str(trouble)


def test_events_arrive_once_it_is_known_who_has_signed(
    tmp_path: Path, broker: TlsMosquitto, certificates: Path
) -> None:
    with Subscriber(broker, "tls/#", user=USER, password=PASSWORD) as subscriber:
        subscriber.wait()
        run = Run(tmp_path, mqtts(broker), ca=str(certificates / "here.pem"), topic="tls/{source}")
        run.write(10)
        assert run.finish() == "MQTT: the broker has every event"
        wait_for(lambda: len(subscriber.heard) >= 20, "events")
    assert subscriber.events == lines(run.location)


def test_a_certificate_that_nobody_knows_is_named_with_the_remedy(
    tmp_path: Path, broker: TlsMosquitto
) -> None:
    assert trouble_of(tmp_path, mqtts(broker)) == (
        "its certificate is not trusted (self-signed certificate); name its authority with ca: FILE"
    )


def test_who_signed_another_certificate_is_not_trusted(
    tmp_path: Path, broker: TlsMosquitto, certificates: Path
) -> None:
    said = trouble_of(tmp_path, mqtts(broker), ca=str(certificates / "stranger.pem"))
    assert said.startswith("its certificate is not trusted (")


def test_a_certificate_of_another_host_is_told_as_such(tmp_path: Path, certificates: Path) -> None:
    with TlsMosquitto(tmp_path, certificates / "elsewhere.pem") as broker:
        broker.start()
        uri = f"mqtts://127.0.0.1:{broker.tls_port}"
        said = trouble_of(tmp_path, uri, ca=str(certificates / "elsewhere.pem"))
    assert said.startswith("its certificate is for another host (IP address mismatch")
    assert "127.0.0.1" in said


def test_plain_mqtt_to_a_port_with_tls_says_to_write_mqtts(tmp_path: Path, broker: TlsMosquitto) -> None:
    uri = mqtts(broker).replace("mqtts://", "mqtt://")
    assert trouble_of(tmp_path, uri) == "it speaks TLS at this port; write mqtts://"


def test_tls_to_a_plain_port_says_that_there_is_none(
    tmp_path: Path, broker: TlsMosquitto, certificates: Path
) -> None:
    uri = f"mqtts://127.0.0.1:{broker.port}"
    for ca in ("", str(certificates / "here.pem")):
        said = trouble_of(tmp_path, uri, ca=ca)
        assert said.startswith("there is no TLS at this port (")
        assert said.endswith("); write mqtt://, or its TLS port")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["words", "hanging up"])
def test_tls_to_what_speaks_something_else_says_that_there_is_none(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _address = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        said = why_unreachable(read_broker(f"mqtts://127.0.0.1:{server.getsockname()[1]}"))
        serving.join()
    assert said.startswith("there is no TLS at this port (")
    assert said.endswith("); write mqtt://, or its TLS port")


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_wrong_password_says_so(
    tmp_path: Path, broker: TlsMosquitto, certificates: Path, scheme: str
) -> None:
    uri, ca = mqtts(broker, "not-it"), str(certificates / "here.pem")
    if scheme == "mqtt":
        uri, ca = f"mqtt://{USER}:not-it@127.0.0.1:{broker.port}", ""
    said = trouble_of(tmp_path, uri, ca=ca)
    assert said == "it refuses us: Not authorized; check user and password"


def test_a_port_where_nobody_listens_or_answers_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as stack:
        port = silent.getsockname()[1]
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(
            "fashion_pipeline.stages.events.broker.PROBE_LIMIT_S", 0.2
        )
        assert why_unreachable(read_broker(f"mqtts://127.0.0.1:{port}")) == (
            "it does not answer; check host, port and firewall"
        )
    for scheme in ("mqtt", "mqtts"):
        said = why_unreachable(read_broker(f"{scheme}://127.0.0.1:{port}"))
        assert said == "it cannot be reached: Connection refused"


def test_a_broker_that_answers_has_nothing_in_its_way(broker: TlsMosquitto, certificates: Path) -> None:
    assert why_unreachable(read_broker(f"mqtt://127.0.0.1:{broker.port}")) == ""
    assert why_unreachable(read_broker(mqtts(broker), str(certificates / "here.pem"))) == ""


# Refused before the run


@pytest.mark.parametrize(
    ("broker", "ca", "said"),
    [
        ("mqtt://host", "here.pem", "ca is for mqtts://; write broker: mqtts://…, or leave it out"),
        ("mqtts://host", "here.key", "ca: {folder}/here.key holds no certificate (PEM)"),
        ("mqtts://host", "empty.pem", "ca: {folder}/empty.pem holds no certificate (PEM)"),
        ("mqtts://host", "torn.pem", "ca: {folder}/torn.pem holds no certificate (PEM)"),
    ],
)
def test_a_ca_that_is_of_no_use_is_refused(certificates: Path, broker: str, ca: str, said: str) -> None:
    (certificates / "empty.pem").touch()
    (certificates / "torn.pem").write_text((certificates / "here.pem").read_text()[:300])
    with pytest.raises(GraphError) as refused:
        make_stage(EventsSink, {"location": "e.jsonl", "broker": broker, "ca": str(certificates / ca)})
    assert str(refused.value) == said.format(folder=certificates)


@pytest.mark.parametrize(
    ("name", "why"), [("none.pem", "No such file or directory"), ("folder", "Is a directory")]
)
def test_a_ca_that_is_not_there_is_refused_by_its_name(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    graph = (
        f"source uri={PROJECT}/samples/plaza.mp4 ! detect ! track ! events_sink location={tmp_path}/e.jsonl "
        f"broker=mqtts://host ca={tmp_path}/{name}"
    )
    with pytest.raises(GraphError) as refused:
        read_graph_argument(graph)
    assert f"{tmp_path}/{name}: {why}" in str(refused.value)
