"""A raw TCP server on the loopback address: what a connection does is a function, and all that came in is kept."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
_PATIENCE = 120.0
"""Seconds after which a connection that nobody ends is given up."""


@dataclass(frozen=True)
class Received:
    """One request as it came in: its head with the empty line, and its body."""

    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header field, "" if there is none."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.decode("latin-1").partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""


class Peer:
    """One accepted connection."""

    def __init__(self, connection: socket.socket, server: "RawServer") -> None:
        self._connection = connection
        self._server = server
        self._buffer = b""

    def receive(self) -> Received | None:
        """Return the next request; None at the end of the connection."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        received = Received(head, b"")
        length = received.header("Content-Length")
        if received.header("Transfer-Encoding").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(length) if length.isdecimal() else 0)
        return None if body is None else Received(head, body)

    def _chunks(self) -> bytes | None:
        """Return a body in chunks as it comes, with its trailers; None at the end of the connection."""
        body = b""
        while (line := self._until(b"\r\n")) is not None:
            body += line
            size = int(line.partition(b";")[0], 16)
            if size:
                data = self._exactly(size + 2)
                if data is None:
                    return None
                body += data
                continue
            while (line := self._until(b"\r\n")) is not None:
                body += line
                if line == b"\r\n":
                    return body
        return None

    def again(self, request: Received) -> None:
        """Let a request that was received be received again."""
        self._buffer = request.head + request.body + self._buffer

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._connection.sendall(data)

    def flood(self, block: bytes) -> None:
        """Send a block again and again, until the other side has enough."""
        while not self._server.stopped.is_set():
            self._connection.sendall(block)

    def drip(self, data: bytes) -> None:
        """Send one byte a second."""
        for byte in data:
            self._connection.sendall(bytes((byte,)))
            if self._server.stopped.wait(1.0):
                return

    def hold(self) -> None:
        """Say nothing until the other side closes the connection, or the server stops."""
        while not self._server.stopped.is_set() and self._more():
            self._buffer = b""

    def reset(self) -> None:
        """End the connection with a reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(mark)
        return head + mark

    def _exactly(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            if not self._more():
                return None
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _more(self) -> bool:
        data = self._connection.recv(64 * 1024)
        self._server.keep(data)
        self._buffer += data
        return bool(data)


Serve = Callable[[Peer], None]


class RawServer:
    """Serves each connection in a thread of its own, until it is stopped."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self.stopped = threading.Event()
        self.connections = 0
        self._received = bytearray()
        self._serve = serve
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._held: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="raw server", daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """The base URL of this server."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    @property
    def received(self) -> bytes:
        """All bytes that came in, whichever connection they came by."""
        with self._lock:
            return bytes(self._received)

    def keep(self, data: bytes) -> None:
        """Keep bytes that came in."""
        with self._lock:
            self._received += data

    def refuse(self) -> None:
        """Refuse every new connection from now on, and keep the port from others."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        holder = socket.socket()
        with suppress(OSError):
            holder.bind((HOST, self.port))
        self._held.append(holder)

    def stop(self) -> None:
        """End every connection and the server."""
        self.stopped.set()
        self.refuse()
        self._accepting.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for held in (self._listener, *self._held):
            held.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_PATIENCE)
            self.connections += 1
            thread = threading.Thread(target=self._carry, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with suppress(OSError):
                if self._tls:
                    self._secured(self._tls, connection)
                else:
                    self._serve(Peer(connection, self))
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _secured(self, tls: ssl.SSLContext, connection: socket.socket) -> None:
        with tls.wrap_socket(connection.dup(), server_side=True) as secured:
            self._serve(Peer(secured, self))


@contextmanager
def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server for as long as the context lasts."""
    server = RawServer(serve, tls)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def refusing() -> Iterator[str]:
    """Provide the URL of a port that refuses connections, kept from others."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield f"http://{HOST}:{bound.getsockname()[1]}"
