"""Flows as mitmproxy stores them: ``mitmdump -w FILE``."""

import math
from collections.abc import Iterator, Mapping
from typing import IO, Any

from refund_conformance.app.recordings.messages import decoded, got_body, origin_and_target, sent_body, told_length
from refund_conformance.app.recordings.tnetstring import NetstringError, values
from refund_conformance.cases.recorded.exchange import Answer, Recorded
from refund_conformance.cases.recorded.exchange import values as header_values
from refund_conformance.contract.errors import UsageError
from refund_conformance.transport.exchange import Headers


def flows(file: IO[bytes], name: str) -> Iterator[Recorded]:
    """Yield the exchanges of a file, called ``name``. Raises UsageError, naming the flow, where it is broken."""
    number = 0
    try:
        for number, value in enumerate(values(file), 1):
            if isinstance(value, dict) and isinstance(value.get("request"), dict):
                yield _flow(value, name, number)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as problem:
        why = f"is no flow of mitmproxy's: {problem}" if isinstance(problem, NetstringError) else "is incomplete"
        remedy = "End mitmdump before its file is read, or save the flows again."
        raise UsageError(f"{name}: flow {number + isinstance(problem, NetstringError)}", why, remedy) from problem


def _flow(value: Mapping[str, Any], name: str, number: int) -> Recorded:
    request, response = value["request"], value.get("response")
    headers = _headers(request)
    authority = _text(request.get("authority", b""))
    if authority and not header_values(headers, "Host"):
        headers = (("Host", authority), *headers)
    origin, target = origin_and_target(f"{_text(request['scheme'])}://{_host(request)}{_text(request['path'])}")
    began, ended = _time(request.get("timestamp_start")), _time((response or {}).get("timestamp_end"))
    return Recorded(
        source=f"{name}, flow {number}",
        recorder=name,
        origin=origin,
        method=_text(request["method"]),
        target=target,
        headers=headers,
        body=_sent(request, headers),
        answer=_answer(response) if response else None,
        earliest=began,
        latest=ended if began is not None and ended is not None and ended >= began else began,
        keeps_headers=True,
    )


def _host(request: Mapping[str, Any]) -> str:
    host = _text(request["host"])
    return f"{f'[{host}]' if ':' in host else host}:{int(request['port'])}"


def _sent(request: Mapping[str, Any], headers: Headers) -> bytes | None:
    content = request.get("content")
    return sent_body(content, told_length(headers), is_raw=True) if isinstance(content, bytes) else None


def _answer(response: Mapping[str, Any]) -> Answer:
    headers, content = _headers(response), response.get("content")
    whole = got_body(content, told_length(headers)) if isinstance(content, bytes) else None
    body = None if whole is None else decoded(whole, headers)
    return Answer(int(response["status_code"]), _text(response.get("reason", b"")), headers, body)


def _headers(message: Mapping[str, Any]) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in message["headers"])


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _time(value: object) -> float | None:
    is_time = isinstance(value, float) and math.isfinite(value)
    return float(str(value)) if is_time else None
