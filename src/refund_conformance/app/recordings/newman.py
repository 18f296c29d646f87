"""Runs of Postman collections, as newman writes them with its JSON reporter."""

from collections.abc import Iterator
from typing import Any

from refund_conformance.app.recordings.messages import (
    decoded,
    fields,
    origin_and_target,
    seconds,
    sent_body,
    told_length,
)
from refund_conformance.cases.recorded.exchange import Answer, Recorded
from refund_conformance.contract import documents
from refund_conformance.contract.errors import UsageError
from refund_conformance.transport.exchange import Headers


def is_run(value: object) -> bool:
    """Whether a JSON value is a newman run's."""
    run = value.get("run") if isinstance(value, dict) else None
    return isinstance(run, dict) and "executions" in run


def run(value: Any, name: str) -> Iterator[Recorded]:
    """Yield the exchanges of a run. Raises UsageError, naming the execution, for a broken one.

    It has no time for each: only when the run began and ended, and how long each answer took.
    """
    executions, timings = value["run"]["executions"], value["run"].get("timings") or {}
    if not isinstance(executions, list) or not isinstance(timings, dict):
        raise UsageError(f"{name}: run", "has no executions", "Run newman again, with `--reporters json`.")
    began, ended = seconds(timings.get("started")) or None, seconds(timings.get("completed")) or None
    for number, row in enumerate(executions, 1):
        documents.check(row, "recorded-execution", f"{name}: execution {number}", UsageError)
        if not row["request"]["url"]:
            continue  # it was left out by a script
        yield _execution(row, name, number, began, ended)
        took = seconds((row.get("response") or {}).get("responseTime"))
        began = None if began is None else began + took


def _execution(row: Any, name: str, number: int, began: float | None, ended: float | None) -> Recorded:
    request, response = row["request"], row.get("response")
    headers = _headers(request)
    origin, target = origin_and_target(_url(request["url"]))
    return Recorded(
        source=f"{name}, execution {number}",
        recorder=name,
        origin=origin,
        method=request["method"],
        target=target,
        headers=headers,
        body=_body(request, headers),
        answer=_answer(response) if response and response.get("code") else None,
        earliest=began,
        latest=ended,
        is_sequential=True,
        keeps_headers=True,
    )


def _headers(message: Any) -> Headers:
    rows = [row for row in message.get("header") or () if not row.get("disabled")]
    return fields([{**row, "value": row["value"] or ""} for row in rows], "key")


def _url(url: Any) -> str:
    host, path = url.get("host") or "", url.get("path") or ""
    host = host if isinstance(host, str) else ".".join(host)
    path = path if isinstance(path, str) else "/".join(path)
    port = f":{url['port']}" if url.get("port") else ""
    return f"{url.get('protocol') or 'http'}://{host}{port}/{path.removeprefix('/')}"


def _body(request: Any, headers: Headers) -> bytes | None:
    body, length = request.get("body"), told_length(headers)
    if not body:
        return sent_body(None, length, is_raw=True)
    if body.get("mode") != "raw":
        return None
    return sent_body((body.get("raw") or "").encode("utf-8", "surrogatepass"), length, is_raw=True)


def _answer(response: Any) -> Answer:
    headers, stream = _headers(response), response.get("stream")
    length = told_length(headers, response.get("responseSize"))
    body = decoded(bytes(stream["data"]), headers) if stream else b"" if length == 0 else None
    return Answer(response["code"], response.get("status") or "", headers, body)
