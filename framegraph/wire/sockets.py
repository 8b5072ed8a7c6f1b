"""ZeroMQ sockets with the settings of every process of a run."""

import zmq

HWM_MESSAGES = 1000
"""A backstop only: credit and windows keep queues far below it."""
LINGER_MS = 0
"""Delivery is proved by commits, so a closing socket does not wait."""
RECONNECT_MS = 20
RECONNECT_MAX_MS = 200
MAX_MESSAGE_BYTES = 256 * 2**20
"""ZeroMQ drops the connection of a peer that announces more."""
MAX_IPC_PATH_BYTES = 107
"""sun_path of a UNIX socket, less its closing zero."""


def bind_router(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    """Bind a ROUTER; a send to a peer that is gone raises ZMQError (EHOSTUNREACH) instead of vanishing."""
    socket = _socket(context, zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    # A peer that lost its connection returns within RECONNECT_MS, perhaps before we notice: without this,
    # ZeroMQ would take it for a second peer of the same name and ignore it for ever.
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.bind(endpoint)
    return socket


def connect_dealer(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, identity: str
) -> zmq.Socket[bytes]:
    """Connect a DEALER that queues nothing while its peer is away; the peer may start at any time."""
    socket = _socket(context, zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, identity.encode())
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    socket.connect(endpoint)
    return socket


def _socket(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, HWM_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, HWM_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    return socket


def link_identity(stage: str, replica: int, incarnation: int, nonce: str) -> str:
    """Return a process's identity on a link; `nonce` is known to the run alone."""
    return f"{stage}.{replica}#{incarnation}" + (f"#{nonce}" if nonce else "")


def is_of_run(identity: bytes, nonce: str) -> bool:
    """Return whether an identity has the run's nonce; "": there is none."""
    return identity.endswith(f"#{nonce}".encode()) if nonce else True


_MORE = int(zmq.SNDMORE | zmq.NOBLOCK)
_LAST = int(zmq.NOBLOCK)
_READABLE = int(zmq.POLLIN)
_COPY_BELOW_BYTES = 65_536
"""A copy of a small frame costs less than keeping track of it."""


def try_send(socket: zmq.Socket[bytes], frames: list[bytes | memoryview]) -> bool:
    """Send without waiting; False when there is no peer or no room just now."""
    try:
        # A message goes whole or not at all: once the first frame is taken, so are the others.
        for frame in frames[:-1]:
            socket.send(frame, _MORE, copy=len(frame) < _COPY_BELOW_BYTES)
        socket.send(frames[-1], _LAST, copy=len(frames[-1]) < _COPY_BELOW_BYTES)
    except zmq.Again:
        return False
    except zmq.ZMQError as error:
        if error.errno == zmq.EHOSTUNREACH:
            return False
        raise
    return True


def receive_all(socket: zmq.Socket[bytes], limit: int = 64) -> list[list[bytes]]:
    """Return the waiting messages of a socket, at most `limit` so that no socket starves another."""
    messages: list[list[bytes]] = []
    # Asking first costs half as much as an exception, and mostly there is nothing.
    while len(messages) < limit and int(socket.getsockopt(zmq.EVENTS)) & _READABLE:
        try:
            messages.append(socket.recv_multipart(_LAST))
        except zmq.Again:
            break
    return messages
