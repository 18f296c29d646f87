"""Start Prism from the project's OpenAPI document, and see that it answers the samples as the document says.

`python bench/prism.py FOLDER` installs Prism into FOLDER with npm, unless it is there, and prints a Markdown table
of what was sent, expected and answered; the exit status is 1 if an answer differs.
"""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refund_conformance.contract.model import Contract, load
from refund_conformance.contract.openapi import openapi

PACKAGE = "@stoplight/prism-cli@5.16.0"
ORDER = "730001"
VALID = {"description": "Wrong product", "email": "merchant@example.com"}
START_SECONDS = 60
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Sample:
    """A request, and what Prism makes of it: the status, and the code of the example that it shows."""

    what: str
    status: int
    code: int | None = None
    body: bytes = json.dumps(VALID).encode()
    prefer: str = ""
    authorized: bool = True
    order: str = ORDER
    method: str = "POST"


def samples(contract: Contract) -> list[Sample]:
    """Return the samples: what Prism finds out by itself, and each documented error, asked for by its code."""
    long = json.dumps({**VALID, "description": "x" * 501}).encode()
    found = [
        Sample("a valid request", 200),
        Sample("no token", 401, 1007, authorized=False),
        Sample("no email", 400, 110, body=b'{"description": "Wrong product"}'),
        Sample("a description of 501 characters", 400, 110, body=long),
        Sample("an email that is a number", 400, 110, body=b'{"email": 1}'),
        Sample("an array", 400, 110, body=b"[]"),
        Sample("another method", 405, method="PUT"),
    ]
    for row in contract.errors.values():
        prefer = f"code={row.status}, example={row.code}"
        found.append(Sample(f"`Prefer: {prefer}`", row.status, row.code, prefer=prefer))
    return found


@contextmanager
def prism(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run Prism on a free port; yield the port and the process."""
    program = folder / "node_modules" / ".bin" / "prism"
    if not program.exists():
        npm = shutil.which("npm") or sys.exit("npm is not installed")
        words = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    (folder / "openapi.json").write_text(json.dumps(openapi()), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [str(program), "mock", "--port", str(port), "--verboseLevel", "silent", str(folder / "openapi.json")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        _wait(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("Prism did not start")


def ask(port: int, sample: Sample, contract: Contract) -> tuple[int, Any]:
    """Send a sample; return the status and the code of the first error, if there is one."""
    operation = contract.operation
    headers: Mapping[str, str] = {
        "Content-Type": operation.media_type,
        **({operation.authorization_header: f"{operation.authorization_scheme} x"} if sample.authorized else {}),
        **({"Prefer": sample.prefer} if sample.prefer else {}),
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    connection.request(sample.method, operation.path.format(order=sample.order), sample.body, dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    try:
        return answer.status, json.loads(body)["errors"][0]["error"]
    except (ValueError, KeyError):
        return answer.status, None


def main() -> None:
    """Print the table."""
    contract, wrong = load(), 0
    print("| request | documented | Prism |\n| --- | --- | --- |")
    with prism(Path(sys.argv[1]).resolve()) as (port, _):
        for sample in samples(contract):
            status, code = ask(port, sample, contract)
            wrong += (status, code) != (sample.status, sample.code)
            print(f"| {sample.what} | {sample.status} {sample.code or ''} | {status} {code or ''} |")
    print(f"\n{wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
