"""Listen for a mock: the socket, and uvicorn's server on it."""

import gc
import socket
import sys
from contextlib import suppress
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.protocol import Protocol
from refund_conformance.mock.settings import MockSettings

STOP_SECONDS = 10
"""Time for answers under way when a mock is stopped."""

_BACKLOG = 2048
_MOST_FILES = 65_536
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (what listens everywhere is reached on loopback)


def uvicorn_server(app: ASGIApp, settings: MockSettings, loop: Literal["asyncio", "auto"]) -> uvicorn.Server:
    """Return the server for an application; it waits `STOP_SECONDS` for what it is answering when it stops.

    ``loop`` "auto" is uvloop where that is installed: quicker, and longer to import than a short run likes.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            loop=loop,
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            # Without a log of its own a mock in somebody else's process keeps quiet.
            log_level="info" if settings.log else "critical",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def serve_on(listener: socket.socket, app: ASGIApp, settings: MockSettings) -> None:
    """Serve in a process that does nothing else, until it is told to stop."""
    # What is there now stays; what comes goes with its request, so that looking for garbage seldom is enough.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _allow_many_connections()
    uvicorn_server(app, settings, "auto").run(sockets=[listener])


def _allow_many_connections() -> None:
    """Raise the limit on open files, which may be as low as a thousand, as far as the system permits."""
    if sys.platform == "win32":
        return
    import resource

    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    if least != resource.RLIM_INFINITY and least < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def listen(settings: MockSettings) -> socket.socket:
    """Return a socket that listens as the settings say; raise UsageError if it cannot."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError, ValueError) as problem:
        listener.close()
        raise UsageError(
            f"{settings.host}:{settings.port}",
            f"cannot be listened on ({problem})",
            "Choose another with --host or --port.",
        ) from None
    # Requests that come before the server's loop runs wait in the queue instead of being refused.
    listener.listen(_BACKLOG)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL under which a listening socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    host = _ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
