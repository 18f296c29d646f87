"""What was sent again, as files for other tools: an HTTP archive, and tests that stand alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from refund_conformance import __version__
from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.oracle.permitted import Permitted, permitted
from refund_conformance.oracle.result import Result
from refund_conformance.report import curl
from refund_conformance.report.atomic_write import replace_file
from refund_conformance.report.items import slug
from refund_conformance.transport.redaction import MARK

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A case that was sent again: its result, and the exchanges as the record has them."""

    case: Case
    result: Result
    exchanges: tuple[Event, ...]


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises UsageError if that fails."""
    try:
        replace_file(path, text)
    except OSError as problem:
        raise UsageError(str(path), problem.strerror or "cannot be written", "Name another file.") from problem


def har(contract: Contract, sent: Sequence[Sent], base_url: str) -> str:
    """Return the exchanges with a server as an HTTP archive (HAR 1.2); secrets stay redacted."""
    entries = [
        _entry(event, base_url, f"{one.case.id}: {one.result.outcome}") for one in sent for event in one.exchanges
    ]
    creator = {"name": "refund-conformance", "version": __version__}
    log = {"version": "1.2", "creator": creator, "comment": contract.operation.name, "entries": entries}
    return json.dumps({"log": log}, indent=2) + "\n"


def _entry(event: Event, base_url: str, comment: str) -> dict[str, Any]:
    request, response = event["request"], event["response"] or {"headers": [], "body": "", "bytes": 0}
    milliseconds = round(event["seconds"] * 1000, 3)
    return {
        "startedDateTime": datetime.fromtimestamp(event["started"], UTC).isoformat(),
        "time": milliseconds,
        "request": {
            "method": request["method"],
            "url": base_url + request["target"],
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(request),
            "queryString": [],
            "postData": {"mimeType": _type(request), "text": request["body"]},
            "headersSize": -1,
            "bodySize": request["bytes"],
        },
        "response": {
            "status": response.get("status", 0),
            "statusText": response.get("reason", event["detail"]),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(response),
            "content": {"size": response["bytes"], "mimeType": _type(response), "text": response["body"]},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": response["bytes"],
        },
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": comment,
    }


def _pairs(message: Event) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in message["headers"]]


def _type(message: Event) -> str:
    return next((value for name, value in message["headers"] if name.lower() == "content-type"), "")


_HEAD = '''"""Requests that refund-conformance sent, as tests that stand alone: pytest and Python's own library.

BASE_URL is the server; REFUND_TOKEN and its like are tokens. Each test takes an order of its own from ORDERS.
"""

import http.client
import json
import os
from urllib.parse import urlsplit

BASE = urlsplit(os.environ.get("BASE_URL", "http://127.0.0.1:8080"))
ORDERS = iter(os.environ.get("ORDERS", "").split())


def send(method, target, headers, body):
    kind = http.client.HTTPSConnection if BASE.scheme == "https" else http.client.HTTPConnection
    connection = kind(BASE.netloc, timeout=30)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    try:
        codes = [error["error"] for error in json.loads(text)["errors"]]
    except (ValueError, KeyError, TypeError):
        codes = []
    return answer.status, codes
'''

_LEFT_OUT = ("host", "content-length", "connection", "transfer-encoding")


def test_file(contract: Contract, sent: Sequence[Sent], base_url: str) -> str:
    """Return a Python file with one pytest test for each case: its last request, and the permitted answers."""
    return _HEAD.replace("http://127.0.0.1:8080", base_url) + "".join(
        _test(contract, one) for one in sent if one.exchanges
    )


def _test(contract: Contract, one: Sent) -> str:
    request = one.exchanges[-1]["request"]
    answers = ", ".join(
        sorted(
            f"({status}, {_codes(answer)})" for answer in _permitted(contract, one) for status in answer.statuses
        )
    )
    name = slug(one.case.id).replace("-", "_").replace(".", "_")
    headers = [(key, value) for key, value in request["headers"] if key.lower() not in _LEFT_OUT]
    secret = f"REFUND_{one.case.draft.credential.upper()}"
    told = ", ".join(f"({key!r}, {_value(value, secret)})" for key, value in headers)
    lines = [
        f"\n\ndef test_{name}():",
        f"    # {one.case.title}",
        f"    target = {_target(contract, one.case, request['target'])}",
        f"    status, codes = send({request['method']!r}, target, [{told}], {curl.raw(request)!r})",
        f"    permitted = [{answers}]  # status, and the code of each error: None is any",
        "    assert any(status == one and (code is None or set(codes) == code) for one, code in permitted)",
    ]
    return "\n".join(lines) + "\n"


def _permitted(contract: Contract, one: Sent) -> frozenset[Permitted]:
    return permitted(contract, one.case.situation, {})


def _codes(answer: Permitted) -> str:
    """Return the codes of an answer as Python writes a set of them; None for any."""
    if isinstance(answer.errors, int):
        return f"{{{answer.errors}}}"
    return "set()" if answer.errors == "none" else "None"


def _value(value: str, secret: str) -> str:
    if MARK not in value:
        return repr(value)
    return f"{value!r}.replace({MARK!r}, os.environ[{secret!r}])"


def _target(contract: Contract, case: Case, target: str) -> str:
    """Return an expression for a request target: one of ORDERS takes the place of a refundable order."""
    before, _, after = contract.operation.path.partition("{order}")
    middle = target.removeprefix(before).removesuffix(after)
    if (
        case.group == "refundable"
        and f"{before}{middle}{after}" == target
        and middle.isascii()
        and middle.isdecimal()
    ):
        return f"{before!r} + next(ORDERS, {middle!r}) + {after!r}"
    return repr(target)
