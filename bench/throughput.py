"""Requests a second of the mock beside Prism, which serves the project's OpenAPI document, by wrk.

`python bench/throughput.py FOLDER [ROUNDS]` installs Prism into FOLDER with npm, unless it is there, and writes
the medians into docs/performance.md. The mock runs with one worker on an SQLite file, and on PostgreSQL too if
REFUND_CONFORMANCE_POSTGRES has the URL of a server. In each round every server is asked the same in turn. wrk must
be installed.
"""

import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import served
from prism import PACKAGE, prism
from section import setting, table, write
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from refund_conformance.contract.model import load
from refund_conformance.mock.samples import FIRST_REFUNDABLE, MOST_REFUNDABLE

CONNECTIONS, SECONDS = 32, 4

SCRIPT = """\
local order = tonumber(os.getenv("FIRST"))
wrk.method, wrk.body = "POST", os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers[os.getenv("HEADER")] = os.getenv("TOKEN")
request = function()
  order = order + 1
  return wrk.format(nil, string.format(os.getenv("ROUTE"), order))
end
"""


@dataclass(frozen=True)
class Server:
    """A server that is up: its port, and a token that it knows."""

    port: int
    token: str


@dataclass(frozen=True)
class Kind:
    """A kind of request, and whether it is refused."""

    name: str
    body: str
    refused: bool
    authorized: bool = True


KINDS = (
    Kind("refused, no email", '{"description": "Wrong product"}', True),
    Kind("refused, no token", '{"description": "Wrong product", "email": "merchant@example.com"}', True, False),
    Kind("accepted", '{"description": "Wrong product", "email": "merchant@example.com"}', False),
)


@contextmanager
def mock(database: str) -> Iterator[Server]:
    """Run the mock on a database, with as many refundable orders as it can have."""
    with served.mock("--database", database, "--refundable", str(MOST_REFUNDABLE)) as up:
        settings = tomllib.loads(up.target.read_text(encoding="utf-8"))
        yield Server(int(up.url.rpartition(":")[2]), settings["auth"]["token"])


@contextmanager
def postgresql(server: str) -> Iterator[str]:
    """Make a database for the run on the server; yield its URL."""
    url, name = make_url(server), f"refund_throughput_{secrets.token_hex(4)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def rate(server: Server, kind: Kind, first: int, script: Path) -> float:
    """Have wrk ask for a while, the orders after ``first``; return the requests a second."""
    operation = load().operation
    settings = {
        "FIRST": str(first),
        "BODY": kind.body,
        "HEADER": operation.authorization_header if kind.authorized else "X-Nothing",
        "TOKEN": f"{operation.authorization_scheme} {server.token}",
        "ROUTE": operation.path.format(order="%d"),
    }
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "-s", str(script), f"http://127.0.0.1:{server.port}"]
    program = shutil.which("wrk") or sys.exit("wrk is not installed")
    done = subprocess.run(
        [program, *words], env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    asked, refused = (int(found[0]) if (found := re.findall(words, done.stdout)) else 0 for words in _COUNTS)
    assert refused == (asked if kind.refused else 0), f"{kind.name}: {refused} of {asked} refused\n{done.stdout}"
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)[0])


_COUNTS = (r"(\d+) requests in", r"Non-2xx or 3xx responses: (\d+)")


def measured(servers: Mapping[str, Server], rounds: int, script: Path) -> dict[tuple[str, str], list[float]]:
    """Return the rates by kind and server; each accepted request has an order of its own."""
    found: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds):
        first = FIRST_REFUNDABLE - 1 + turn * (MOST_REFUNDABLE // rounds)
        for kind in KINDS:
            for name, server in servers.items():
                found.setdefault((kind.name, name), []).append(rate(server, kind, first, script))
    return found


def section(found: Mapping[tuple[str, str], list[float]], names: list[str], told: str) -> list[str]:
    """Return the lines of the section."""
    rows = []
    for kind in KINDS:
        medians = {name: statistics.median(found[kind.name, name]) for name in names}
        cells = (
            f"{median:,.0f}" + (f" ({median / medians['Prism']:.1f} times)" if name != "Prism" else "")
            for name, median in medians.items()
        )
        rows.append((kind.name, *cells))
    lines = ["## Throughput of the mock", "", told, "", *table(("request", *names), rows)]
    return [*lines, "", "`python bench/throughput.py FOLDER` measures this again."]


def main() -> None:
    """Measure, and write the page."""
    folder, rounds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    before = setting("uvicorn", "SQLAlchemy")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = scratch / "requests.lua"
        script.write_text(SCRIPT, encoding="utf-8")
        servers = {"mock, SQLite file": stack.enter_context(mock(f"sqlite:///{scratch}/mock.db"))}
        if url := os.environ.get("REFUND_CONFORMANCE_POSTGRES"):
            servers["mock, PostgreSQL"] = stack.enter_context(mock(stack.enter_context(postgresql(url))))
        port, _ = stack.enter_context(prism(folder))
        servers["Prism"] = Server(port, "x")
        found = measured(servers, rounds, script)
    told = (
        f"Requests a second by wrk, one thread and {CONNECTIONS} connections for {SECONDS} s; medians of {rounds} "
        f"alternating rounds. One worker, durable storage; {PACKAGE} serves the project's OpenAPI document; "
        f"wrk and the databases share the processors. {before}"
    )
    write("throughput", section(found, list(servers), told))


if __name__ == "__main__":
    main()
