"""What is not the API is not judged: the run stops at once, and names the setting."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from field_fronts import behind
from field_runs import judged

from refund_conformance.mock.server import running

Fixed = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(fixed: Fixed) -> Iterator[str]:
    """Serve one answer for everything."""
    status, headers, body = fixed

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


PAGE = b"<!DOCTYPE html><title>Welcome</title>"
PLACES: dict[str, tuple[Fixed, str]] = {
    "redirect-to-https": ((301, {"Location": "https://staging.example/"}, b""), "redirected to https"),
    "redirect-to-login": ((302, {"Location": "http://sso.example/login"}, b""), "a redirect to sso.example"),
    "permanent-308": ((308, {"Location": "https://staging.example/"}, PAGE), "redirected to https"),
    "not-found-page": ((404, {"Content-Type": "text/html"}, PAGE), "it is not the API"),
    "page-for-everything": ((200, {"Content-Type": "text/html"}, PAGE), "it is not the API"),
    "forbidden": ((403, {"Content-Type": "text/html"}, PAGE), "it is not the API"),
    "not-allowed": ((405, {"Content-Type": "text/html"}, PAGE), "it is not the API"),
    "https-port": ((400, {}, b"The plain HTTP request was sent to HTTPS port"), "the port speaks TLS"),
    "json-of-another-api": ((404, {"Content-Type": "application/json"}, b'{"message":"no Route matched"}'), "API"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_answers_everything_alike_is_named(name: str, tmp_path: Path) -> None:
    fixed, why = PLACES[name]
    with running() as mock, answering(fixed) as url:
        done = judged(tmp_path / "run", behind(mock.target_toml(), url))
    assert done.verdict == (3, "incomplete")
    assert why in done.reasons
    assert done.with_result("held") == done.with_result("violated") == set()
    assert done.conformance["requests"] <= 20


def test_a_base_url_that_ends_in_the_version_is_named_and_uses_no_order_up(tmp_path: Path) -> None:
    with running() as mock:
        done = judged(tmp_path / "run", behind(mock.target_toml(), f"{mock.base_url}/v1"))
        accepted = [entry for entry in mock.mock.journal.entries() if entry["status"] == 200]
    assert done.verdict == (3, "incomplete")
    assert "base_url ends in /v1" in done.reasons
    assert accepted == []


def test_another_path_is_named(tmp_path: Path) -> None:
    with running() as mock:
        done = judged(tmp_path / "run", behind(mock.target_toml(), f"{mock.base_url}/api"))
    assert done.verdict == (3, "incomplete")
    assert "base_url has the path /api" in done.reasons
