"""Publishing of a spool's lines over MQTT, in its own thread, so that the sink never waits for a broker."""

import logging
import queue
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fashion_pipeline.stages.events.broker import Broker, why_unreachable
from fashion_pipeline.stages.events.spool import MAX_IN_FLIGHT, Spool

FIRST_RETRY_S, MAX_RETRY_S = 1, 30
KEEPALIVE_S = 30
CONNECT_LIMIT_S = 5
NOT_LET_IN = ("Not authorized", "Bad user name or password")


class Publisher:
    """One connection to a broker. Only its thread touches the spool; others put messages into its queue."""

    def __init__(self, broker: Broker, spool: Spool, *, topic: str, qos: int, log: logging.Logger) -> None:
        self._broker = broker
        self._spool = spool
        self._topic = topic
        self._qos = qos
        self._log = log
        self._said = ""
        self._is_connected = False
        self.trouble = ""
        """Why there is currently no connection, "" if there is one."""
        self._words: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._waits_for_empty: threading.Event | None = None
        self.place = (spool.place, spool.dropped)
        """Where a successor continues, and how many lines were skipped before it."""
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.is_tls:
            client.tls_set(ca_certs=self._broker.ca or None)
        client.connect_timeout = CONNECT_LIMIT_S
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.reconnect_delay_set(FIRST_RETRY_S, MAX_RETRY_S)
        # Called in paho's thread, sometimes while it holds its locks: only put a message into the queue.
        client.on_connect = lambda *said: self._words.put(("connected", said[3]))
        client.on_connect_fail = lambda *_said: self._words.put(("failed", None))
        client.on_disconnect = lambda *said: self._words.put(("disconnected", said[3]))
        client.on_publish = lambda *said: self._words.put(("confirmed", said[2]))
        client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        client.loop_start()
        return client

    def allow(self, end: int) -> None:
        """Allow publishing up to this offset of the file, before which everything is final."""
        self._words.put(("allow", end))

    def drain(self, limit_s: float) -> int:
        """Wait up to `limit_s` until everything is confirmed; return the number of unconfirmed lines."""
        is_empty = threading.Event()
        self._words.put(("drain", is_empty))
        is_empty.wait(limit_s)
        self._stop()
        left = self._spool.left()
        self._spool.close()
        return left

    def _run(self) -> None:
        while True:
            word, value = self._words.get()
            if word == "stop":
                return
            self._hear(word, value)
            self._send()
            self.place = (self._spool.place, self._spool.dropped)
            if self._waits_for_empty is not None and self._spool.is_empty:
                self._waits_for_empty.set()

    def _hear(self, word: str, value: Any) -> None:
        if word == "allow":
            dropped = self._spool.allow(value)
            if dropped:
                self._say(
                    f"events wait for {self._broker} beyond max-spool; the oldest are skipped "
                    "(they are in the file)",
                )
        elif word == "confirmed":
            self._spool.confirm(value)
        elif word == "drain":
            self._waits_for_empty = value
        elif word == "connected" and not value.is_failure:
            self._is_connected, self.trouble = True, ""
            more = f"; {self._spool.dropped} were skipped" if self._spool.dropped else ""
            self._say(f"events go to {self._broker}{more}", logging.INFO)
        elif word == "connected":
            remedy = "; check user and password" if str(value) in NOT_LET_IN else ""
            self._fail(f"it refuses us: {value}{remedy}")
        else:
            # A connection that was never made is investigated, once for all failed attempts.
            if self._is_connected:
                self._fail("connection lost")
            elif not self.trouble:
                self._fail(why_unreachable(self._broker) or "it hung up before it accepted the connection")
            self._is_connected = False

    def _fail(self, why: str) -> None:
        self.trouble = why
        self._say(f"the broker {self._broker}: {why}; events wait, trying again")

    def _say(self, text: str, level: int = logging.WARNING) -> None:
        """Log a line for each change, however often the connection is tried."""
        if text != self._said:
            self._said = text
            self._log.log(level, "%s", text)

    def _send(self) -> None:
        while self._is_connected and (line := self._spool.next()) is not None:
            told = self._client.publish(self._topic, line, qos=self._qos)
            if self._qos == 0 and told.rc != mqtt.MQTT_ERR_SUCCESS:
                self._is_connected = False  # on_connect will signal when to continue
                return
            self._spool.sent(told.mid)

    def close(self) -> None:
        """Stop at once; unconfirmed lines are left to a successor."""
        self._stop()
        self._spool.close()

    def _stop(self) -> None:
        self._words.put(("stop", None))
        self._thread.join()
        # Its thread may be waiting for a remote host: it is a daemon, and ends when it notices this.
        self._client.disconnect()
