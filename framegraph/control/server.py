"""The control socket of a run: requests in, answers out, and procedures that take more than one round.

A request is a map {v, id, verb, arguments}, its answer {v, id, ok, text, data}. The socket is in the run
folder, which only its owner can enter.
"""

import dataclasses
import traceback
from typing import Any

import zmq

from framegraph.control.command import Answer, Procedure, RunningCommand, RunParts
from framegraph.errors import GraphError, WireError
from framegraph.properties import nearest
from framegraph.support.commands import Commands
from framegraph.support.secrets import redact
from framegraph.wire import codec
from framegraph.wire.sockets import bind_router, receive_all, try_send

VERSION = 1
MAX_REQUEST_BYTES = 64 * 1024
MAX_PROCEDURES = 64
"""Limit of commands in progress; more are refused."""


@dataclasses.dataclass
class _UnderWay:
    procedure: Procedure
    identity: bytes | None
    request_id: int


class Control:
    """The server of requests. Each is carried out to its end, even when the client has gone."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        parts: RunParts,
    ) -> None:
        self.socket = bind_router(context, endpoint)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
        self._parts = parts
        self._report = parts.state.report
        self._commands = {
            verb: command
            for verb, command in Commands("framegraph.control.commands").items()
            if isinstance(command, RunningCommand)
        }
        self._under_way: list[_UnderWay] = []

    def spawn(self, procedure: Procedure) -> None:
        """Carry out a procedure that was not requested over the socket."""
        self._under_way.append(_UnderWay(procedure, None, 0))

    def serve(self) -> None:
        """Do one round: take requests, advance procedures, answer those that are done."""
        for message in receive_all(self.socket):
            try:
                self._take(message)
            except WireError as error:
                self._report.rejected += 1
                self._report.log("control", "DEBUG", f"rejected a request: {error}")
        for one in list(self._under_way):
            self._carry_on(one)

    def _take(self, message: list[bytes]) -> None:
        if len(message) != 2 or len(message[1]) > MAX_REQUEST_BYTES:
            raise WireError("a request is one frame, and short")
        request = codec.unpack(message[1])
        request_id = codec.field(request, "id", int, 0)
        verb = codec.field(request, "verb", str)
        arguments = codec.field(request, "arguments", dict)
        version = request.get("v")
        if version != VERSION:
            self._answer(
                message[0], request_id, False, f"the run speaks version {VERSION}, not {version!r}", {}
            )
        elif len(self._under_way) >= MAX_PROCEDURES:
            text = f"{MAX_PROCEDURES} commands are under way; try again in a moment"
            self._answer(message[0], request_id, False, text, {})
        else:
            self._under_way.append(_UnderWay(self._begin(verb, arguments), message[0], request_id))

    def _begin(self, verb: str, said: dict[str, Any]) -> Procedure:
        """Return the procedure of a verb; its errors are raised when it is advanced."""
        command = self._commands.get(verb)
        if command is None:
            raise GraphError(f"there is no command '{verb}'{nearest(verb, self._commands)}")
        return (yield from command.carry_out(self._parts, said))

    def _carry_on(self, one: _UnderWay) -> None:
        try:
            next(one.procedure)
            return
        except StopIteration as end:
            is_ok, answer = True, end.value
        except (GraphError, WireError) as error:
            is_ok, answer = False, Answer(redact(str(error)))
        except Exception as error:  # a fault in one command: the run continues
            self._report.log("control", "ERROR", traceback.format_exc())
            is_ok, answer = False, Answer(redact(f"{type(error).__name__}: {error}; the log has more"))
        self._under_way.remove(one)
        if one.identity is None:
            self._report.log("control", "INFO" if is_ok else "WARNING", answer.text)
        else:
            self._answer(one.identity, one.request_id, is_ok, answer.text, answer.data)

    def _answer(self, identity: bytes, request_id: int, ok: bool, text: str, data: dict[str, Any]) -> None:
        # The client may have gone: then there is no answer.
        answer = {"v": VERSION, "id": request_id, "ok": ok, "text": text, "data": data}
        try_send(self.socket, [identity, codec.pack(answer)])

    def close(self) -> None:
        for one in self._under_way:
            one.procedure.close()
            if one.identity is not None:
                self._answer(one.identity, one.request_id, False, "the run has ended", {})
        # Leave time for the last answers to be sent.
        self.socket.close(linger=200)
