"""The command that repeats a request sends the same bytes: it is run by a shell, against a socket."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from report_story import message, request

from refund_conformance.report import curl

needs_curl = pytest.mark.skipif(
    not shutil.which("curl") or not Path("/bin/bash").exists(), reason="curl is missing"
)

BODIES = {
    "plain": '{"email":"a@b.example"}',
    "quotes": 'it\'s "quoted" \\ $HOME `id` !x',
    "control": "a\tb\nc\r\nd\x01\x7f",
    "nul": "a\0b%s\\'1",
    "script": "Привет 😀 \u202e",
    "at-sign": "@/etc/passwd",
    "surrogate": "\ud800",
    "empty": "",
    "dash": "-x",
}

TARGETS = ["/v1/order/../x", "/v1/1%00/refund", "/v1//order", "/a#b", "/a'b\"{1,2}[3]", "/v1/%2e%2e/x?y=$z"]


@needs_curl
@pytest.mark.parametrize("name", BODIES)
def test_sends_the_same_body(name: str) -> None:
    sent = request(BODIES[name])
    _, body = _received(sent)
    assert body == curl.raw(sent)


@needs_curl
def test_sends_bytes_that_are_no_text() -> None:
    sent = message("\xff\xfe{}", encoding="latin-1", method="POST", target="/v1/order/1/refund")
    assert _received(sent)[1] == b"\xff\xfe{}"


@needs_curl
@pytest.mark.parametrize("target", TARGETS)
def test_sends_the_same_target(target: str) -> None:
    head, _ = _received(request(target=target))
    assert head[0] == f"POST {target} HTTP/1.1"


@needs_curl
def test_sends_the_same_headers_and_the_secret_from_the_environment() -> None:
    headers = [
        ["Accept", "application/json"],
        ["AuthorizationJWT", "Bearer [redacted], 'y' $z"],
        ["X-Empty", ""],
    ]
    head, _ = _received(request(headers=headers))
    told = {line for line in head[1:] if not line.startswith(("Host:", "User-Agent:", "Content-Length:"))}
    assert told == {"Accept: application/json", "AuthorizationJWT: Bearer s3cret\", 'y' $z", "X-Empty:"}


def test_a_request_that_is_too_long_has_no_command() -> None:
    assert curl.command("http://x.example", request("y" * 9000), "T") is None


def test_without_a_target_the_shell_names_it() -> None:
    text = curl.command("", request(), "REFUND_TOKEN") or ""
    assert '"$BASE_URL"/v1/order/730001/refund' in text
    assert "'AuthorizationJWT: Bearer '\"$REFUND_TOKEN\"" in text


def _received(sent: dict[str, Any]) -> tuple[list[str], bytes]:
    with _listener() as (port, received):
        text = curl.command(f"http://127.0.0.1:{port}", sent, "SECRET")
        assert text is not None
        environment = {"PATH": "/usr/bin:/bin", "SECRET": 's3cret"', "LC_ALL": "C"}
        subprocess.run(["/bin/bash", "-c", text], check=True, env=environment, capture_output=True, timeout=20)
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), body


@contextmanager
def _listener() -> Iterator[tuple[int, bytearray]]:
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server, received))
        thread.start()
        yield server.getsockname()[1], received
        thread.join(10)


def _answer(server: socket.socket, received: bytearray) -> None:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(5)
        while not _whole(received):
            received += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _whole(received: bytearray) -> bool:
    head, end, body = bytes(received).partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end) and len(body) >= int(lengths[0] if lengths else 0)
