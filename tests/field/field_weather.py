"""A proxy in front of a target that loses connections and answers in its place, at random from a seed."""

import asyncio
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

START_SECONDS = 15.0

LOSSES = ("reset before", "reset after", "closed before", "closed after", "cut", "head cut")
"""Ways to lose a connection: before or after the target has the request, or in the middle of its answer."""

STATUSES = (429, 502, 503, 504)
"""What a gateway answers in the target's place, without telling the target."""

LATE = "504 after"
"""A gateway that gives up waiting for an answer: the target has had the request."""

KINDS = (*LOSSES, *map(str, STATUSES), LATE)


@dataclass(frozen=True)
class Lock:
    """A defence: after so many ``refused`` tokens every request gets ``status`` for some seconds."""

    refused: int
    seconds: float
    status: int


@dataclass
class Weather:
    """What happens to requests: each with probability ``share`` suffers one of ``kinds``.

    ``outages`` are (request number, seconds) at which the proxy drops all connections and takes none for so long.
    ``counted`` tells how often each kind happened.
    """

    share: float
    seed: int = 0
    kinds: Sequence[str] = KINDS
    outages: Mapping[int, float] = field(default_factory=dict)
    lock: Lock | None = None
    counted: Counter[str] = field(default_factory=Counter)


class _Proxy:
    def __init__(self, base_url: str, weather: Weather) -> None:
        parts = urlsplit(base_url)
        self._target = (parts.hostname, parts.port)
        self._weather = weather
        self._random = random.Random(weather.seed)
        self._requests = 0
        self._away = False
        self._refused = 0
        self._locked_until = 0.0
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._away:
            _reset(writer)
            return
        self._writers.add(writer)
        inner: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                request = await _message(reader)
                self._requests += 1
                if seconds := self._weather.outages.get(self._requests):
                    self._weather.counted["outage"] += 1
                    self._drop_all()
                    asyncio.get_running_loop().call_later(seconds, self._return)
                    break
                inner = inner or await asyncio.open_connection(*self._target)
                if not await self._pass_on(request, inner, writer):
                    break
        self._writers.discard(writer)
        for end in (writer, *([inner[1]] if inner else [])):
            end.close()

    def _count_refused(self, answer: bytes) -> None:
        lock = self._weather.lock
        self._refused += answer.startswith(b"HTTP/1.1 401")
        if lock is not None and self._refused >= lock.refused:
            self._weather.counted["lock"] += 1
            self._refused, self._locked_until = 0, time.monotonic() + lock.seconds

    def _drop_all(self) -> None:
        self._away = True
        for writer in self._writers:
            _reset(writer)

    def _return(self) -> None:
        self._away = False

    async def _pass_on(
        self,
        request: bytes,
        inner: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Pass a request on, or do to it what the weather is; return whether the connection goes on."""
        weather = self._weather
        kind = self._random.choice(weather.kinds) if self._random.random() < weather.share else ""
        weather.counted[kind or "passed"] += 1
        if weather.lock is not None and time.monotonic() < self._locked_until:
            kind = str(weather.lock.status)
        if kind.isdecimal():
            writer.write(f"HTTP/1.1 {kind} Gateway\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return True
        if kind.endswith("before"):
            return _lose(kind, writer)
        inner[1].write(request)
        await inner[1].drain()
        answer = await _message(inner[0], answered=request)
        self._count_refused(answer)
        if kind == LATE:
            writer.write(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n")
        elif kind.endswith("after"):
            return _lose(kind, writer)
        elif kind:
            head, _, body = answer.partition(b"\r\n\r\n")
            half = head[: len(head) // 2] if kind == "head cut" or not body else answer[: -(len(body) // 2 + 1)]
            writer.write(half)
            await writer.drain()
            return False
        else:
            writer.write(answer)
        await writer.drain()
        return True


def _lose(kind: str, writer: asyncio.StreamWriter) -> bool:
    if kind.startswith("reset"):
        _reset(writer)
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _message(reader: asyncio.StreamReader, answered: bytes = b"") -> bytes:
    """Read one HTTP message: its head, and its body by length or chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    if answered.startswith(b"HEAD ") or re.match(rb"HTTP/1.1 (1\d\d|204|304)", head):
        return head
    if re.search(rb"(?i)\r\ntransfer-encoding:[^\r]*chunked", head):
        body = b""
        while not re.search(rb"(^|\r\n)0\r\n(.*\r\n)*?\r\n$", body):
            body += await reader.readuntil(b"\r\n")
        return head + body
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


@contextmanager
def weather_front(base_url: str, weather: Weather) -> Iterator[str]:
    """Put the weather in front of a plain server; yield its URL."""
    ready: Future[tuple[int, Callable[[], object]]] = Future()
    proxy = _Proxy(base_url, weather)

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=2**22) as server:
            port = server.sockets[0].getsockname()[1]
            ready.set_result((port, lambda: loop.call_soon_threadsafe(stopped.set)))
            await stopped.wait()
            server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="weather", daemon=True)
    thread.start()
    port, stop = ready.result(START_SECONDS)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop()
        thread.join(START_SECONDS)
