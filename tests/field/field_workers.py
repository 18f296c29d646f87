"""A server of several worker processes over one database, by the document alone: no code of the suite is in it.

``python field_workers.py FOLDER WORKERS GAP [once]`` prints its port and serves until its input ends. Each worker
takes one connection at a time. A request looks for a refund request of its order and, GAP microseconds later,
writes its own, without a lock. With ``once`` an index lets only one be written.
"""

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory

TOKEN = "ours"
ORDERS = [str(number) for number in range(500001, 500061)]
UNKNOWN = "990001"


class Refunds(HTTPServer):
    """One worker. ``create`` is not atomic."""

    database = ""
    gap = 0.0

    @cached_property
    def connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database, isolation_level=None, timeout=10)

    def create(self, order: str, email: str) -> bool:
        if self.connection.execute("SELECT 1 FROM refunds WHERE order_id = ?", (order,)).fetchone():
            return False
        if self.gap:
            time.sleep(self.gap)
        try:
            self.connection.execute("INSERT INTO refunds VALUES (?, ?)", (order, email))
        except sqlite3.IntegrityError:
            return False
        return True


class Handler(BaseHTTPRequestHandler):
    server: Refunds

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(*self.decide(self.path.split("/"), body))

    def decide(self, parts: list[str], body: bytes) -> tuple[int, int, str]:
        """Return status, error code and message; the code is 0 where there is no error body."""
        if parts[:3] != ["", "v1", "order"] or parts[4:] != ["refund"]:
            return 404, 0, ""
        if self.headers.get("AuthorizationJWT") != f"Bearer {TOKEN}":
            return 401, 1007, "Authorization token is not valid"
        email = None
        with suppress(ValueError):
            email = json.loads(body).get("email")
        if not isinstance(email, str):
            return 400, 15010, 'Field "email" is not valid'
        if parts[3] not in ORDERS:
            return 404, 15060, "Order is not found"
        if not self.server.create(parts[3], email):
            return 400, 15050, "Refund request already exists"
        return 200, 0, ""

    def answer(self, status: int, code: int, message: str) -> None:
        body = json.dumps({"errors": [{"error": code, "message": message}]}).encode() if code else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Write no log."""


def serve(folder: str, workers: str, gap: str, *once: str) -> None:
    Refunds.database, Refunds.gap = str(Path(folder) / "refunds.sqlite"), float(gap) / 1e6
    database = sqlite3.connect(Refunds.database)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"CREATE TABLE refunds (order_id TEXT {'UNIQUE' * bool(once)}, email TEXT)")
    database.close()
    server = Refunds(("127.0.0.1", 0), Handler)
    server.socket.setblocking(False)  # several workers are woken for one connection
    children = []
    for _ in range(int(workers)):
        child = os.fork()
        if not child:
            server.serve_forever()
        children.append(child)
    print(server.server_port, flush=True)
    sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGTERM)


@contextmanager
def workers(count: int = 2, gap: float = 0, *, once: bool = False) -> Iterator[str]:
    """Start such a server; yield target settings for it. ``gap`` is in microseconds."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder, str(count), str(gap), *["once"] * once]
        with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            port = int(process.stdout.readline())
            yield (
                f'[target]\nbase_url = "http://127.0.0.1:{port}"\n[auth]\ntoken = "{TOKEN}"\n'
                f"[orders]\nrefundable = {json.dumps(ORDERS)}\nunknown = [{json.dumps(UNKNOWN)}]\n"
            )
            process.stdin.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
