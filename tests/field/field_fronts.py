"""What stands in front of a target in the field: TLS by the standard library, and nginx."""

import asyncio
import getpass
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

START_SECONDS = 15.0
BLOCK = 65536


@dataclass(frozen=True)
class Certified:
    """A certificate for 127.0.0.1 and localhost: the files that a server needs, and the authority's."""

    certificate: Path
    key: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """Return the context of a server that shows the certificate."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(self.certificate, self.key)
        return made


def certified(folder: Path) -> Certified:
    """Make an authority and a certificate that it signed, in a folder."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    made = Certified(folder / "certificate.pem", folder / "key.pem", folder / "authority.pem")
    made.certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(made.key))
    authority.cert_pem.write_to_path(str(made.authority))
    return made


@contextmanager
def tls_front(base_url: str, shown: Certified, *, closing: float | None = None) -> Iterator[str]:
    """Put TLS in front of a plain server; yield the https URL.

    With ``closing``, each connection is for one request, and is closed only so many seconds after the answer.
    """
    parts = urlsplit(base_url)
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(BLOCK):
                sink.write(data)
                await sink.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            if closing is not None:
                outer.write(await reader.readuntil(b"\r\n") + b"Connection: close\r\n")
            copying = [asyncio.ensure_future(copy(*pair)) for pair in ((reader, outer), (inner, writer))]
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(closing or 0)
            for task in copying:
                task.cancel()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for end in (outer, writer):
                end.close()

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=shown.context()) as server:
            port = server.sockets[0].getsockname()[1]
            ready.set_result((port, lambda: loop.call_soon_threadsafe(stopped.set)))
            await stopped.wait()
            server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="tls-front", daemon=True)
    thread.start()
    port, stop = ready.result(START_SECONDS)
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        stop()
        thread.join(START_SECONDS)


def required(program: str) -> str:
    """Return a program's path; skip the test, or fail it in CI, where the program is not there."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        missing = f"no {program} on this machine"
        if os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


_NGINX = """
daemon off; user {user}; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_session_cache shared:tls:1m;
  server {{
    listen 127.0.0.1:{port} ssl;
    keepalive_requests 20; large_client_header_buffers 4 32k; {more}
    location / {{
      proxy_pass {base_url}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


def free_port() -> int:
    """Return a port of the loopback address that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def nginx_front(base_url: str, shown: Certified, folder: Path, more: str = "") -> Iterator[str]:
    """Put nginx in front of a plain server, with TLS and HTTP/1.1 to it; yield the https URL."""
    program, port = required("nginx"), free_port()
    file = folder / "nginx.conf"
    text = _NGINX.format(
        user=getpass.getuser(),
        folder=folder,
        certificate=shown.certificate,
        key=shown.key,
        port=port,
        base_url=base_url,
        more=more,
    )
    file.write_text(text, encoding="utf-8")
    command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, (folder / "error.log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.02)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def behind(target_toml: str, url: str, authority: Path | None = None) -> str:
    """Return target settings changed to another base_url, and to an authority of one's own."""
    bundle = f"ca_bundle = {str(authority)!r}\n" if authority else ""
    return re.sub(r'base_url = "[^"]*"\n', lambda _: f'base_url = "{url}"\n{bundle}', target_toml)
