"""A real MQTT broker (mosquitto) on loopback, and what a subscriber of it has heard."""

import contextlib
import json
import random
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.debian import needs
from tests.launching import wait_for

USER, PASSWORD = "film", "pa55-w0rd/with:signs"


def free_port() -> int:
    """Return a port that nothing has now, and that the system gives to nobody who asks for any."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Mosquitto:
    """A broker that can be stopped, killed and started again on the same port."""

    def __init__(self, folder: Path, *, with_password: bool = False) -> None:
        needs("mosquitto")
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if with_password else 'true'}"]
        if with_password:
            passwords = folder / "passwords"
            subprocess.run(
                ["mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD], check=True, timeout=30
            )
            passwords.chmod(0o644)
            lines.append(f"password_file {passwords}")
        # It knows its subscribers again after a kill: who publishes may be back before they are.
        lines += ["persistence true", f"persistence_location {folder}/"]
        lines += ["autosave_on_changes true", "autosave_interval 1", "user root"]
        self._command = ["/usr/sbin/mosquitto", "-c", str(folder / "mosquitto.conf")]
        self._log = folder / "mosquitto.log"
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_for(self._answers, "broker that answers")

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the broker has ended:\n{self._log.read_text()[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> "Mosquitto":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Subscriber:
    """Remembers what was published, over restarts of the broker."""

    def __init__(self, broker: Mosquitto, topic: str = "#", *, user: str = "", password: str = "") -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.is_subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"hears-{id(self)}", clean_session=False
        )
        if user:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self.is_subscribed.set()
        self._client.on_disconnect = lambda *_: self.is_subscribed.clear()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect_async("127.0.0.1", broker.port)
        self._client.loop_start()

    def wait(self) -> None:
        wait_for(self.is_subscribed.is_set, "subscription")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _topic, event in self.heard]

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
