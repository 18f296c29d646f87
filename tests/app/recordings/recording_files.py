"""Recordings of every format, with the same three exchanges in each, made as the recorders make them."""

import base64
import json
from typing import Any

TOKEN = "fj45u923-fj45u923-fj45u923-fj45u923"
HOST = "api.example"
URL = f"https://{HOST}/v1/order/730001/refund"
PLAIN = '{"description":"Wrong product","email":"merchant@gmail.com"}'
REFUSAL = (
    '{"errors":[{"error":15050,"message":"Order refund is impossible. Order refund request already exists."}]}'
)
BAD = '{"description":null,"email":"merchant@gmail.com"}'
UNNAMED = '{"errors":[{"error":15010,"message":"Invalid field value: description"}]}'

EXCHANGES = ((PLAIN, 200, ""), (PLAIN, 400, REFUSAL), (BAD, 400, UNNAMED))
"""Body that was sent, status and body of the answer."""

HEADERS = (("Host", HOST), ("Content-Type", "application/json"), ("AuthorizationJWT", f"Bearer {TOKEN}"))
BEGAN = 1_772_366_400.0
"""2026-03-01T12:00:00Z."""

JSON = ("Content-Type", "application/json")


def headers(body: str) -> list[tuple[str, str]]:
    return [*HEADERS, ("Content-Length", str(len(body)))]


def entry(body: str, status: int, answer: str, second: int = 0, **more: Any) -> dict[str, Any]:
    """Return an entry of an HTTP archive."""
    return {
        "startedDateTime": f"2026-03-01T12:00:{second:02}.000Z",
        "time": 42,
        "request": {
            "method": "POST",
            "url": URL,
            "headers": [{"name": name, "value": value} for name, value in headers(body)],
            "bodySize": len(body),
            "postData": {"mimeType": "application/json", "text": body},
        },
        "response": {
            "status": status,
            "statusText": "",
            "headers": [{"name": name, "value": value} for name, value in ([JSON] if answer else [])],
            "content": {"size": len(answer), "mimeType": "application/json", "text": answer},
        },
        **more,
    }


def entries() -> list[dict[str, Any]]:
    return [entry(*one, second=second) for second, one in enumerate(EXCHANGES)]


def har() -> str:
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": entries()}})


def json_lines() -> str:
    return "".join(f"{json.dumps(one)}\n" for one in entries())


def newman() -> str:
    executions = [
        {
            "item": {"name": "refund"},
            "request": {
                "url": {"protocol": "https", "host": HOST.split("."), "path": ["v1", "order", "730001", "refund"]},
                "header": [{"key": name, "value": value} for name, value in headers(body)],
                "method": "POST",
                "body": {"mode": "raw", "raw": body},
            },
            "response": {
                "code": status,
                "status": "",
                "header": [{"key": "content-type", "value": "application/json"}] if answer else [],
                "stream": {"type": "Buffer", "data": list(answer.encode())},
                "responseTime": 42,
            },
        }
        for body, status, answer in EXCHANGES
    ]
    timings = {"started": BEGAN * 1000, "completed": BEGAN * 1000 + 500}
    return json.dumps({"collection": {}, "run": {"timings": timings, "executions": executions}})


def netstring(value: object) -> bytes:
    """Return a value as mitmproxy writes it."""
    match value:
        case None:
            return b"0:~"
        case bool():
            kind, payload = b"!", str(value).lower().encode()
        case int():
            kind, payload = b"#", str(value).encode()
        case float():
            kind, payload = b"^", repr(value).encode()
        case bytes():
            kind, payload = b",", value
        case str():
            kind, payload = b";", value.encode()
        case dict():
            kind, payload = b"}", b"".join(netstring(one) for pair in value.items() for one in pair)
        case _:
            assert isinstance(value, list | tuple)
            kind, payload = b"]", b"".join(map(netstring, value))
    return str(len(payload)).encode() + b":" + payload + kind


def flow(body: str, status: int, answer: str, second: int = 0) -> dict[str, Any]:
    """Return a flow of mitmproxy 12."""
    began = BEGAN + second
    return {
        "websocket": None,
        "response": {
            "reason": b"",
            "status_code": status,
            "timestamp_end": began + 0.042,
            "timestamp_start": began + 0.04,
            "trailers": None,
            "content": answer.encode(),
            "headers": [[b"Content-Type", b"application/json"]] if answer else [],
            "http_version": b"HTTP/1.1",
        },
        "request": {
            "path": b"/v1/order/730001/refund",
            "authority": b"",
            "scheme": b"https",
            "method": b"POST",
            "port": 443,
            "host": HOST,
            "timestamp_end": began + 0.001,
            "timestamp_start": began,
            "trailers": None,
            "content": body.encode(),
            "headers": [[name.encode(), value.encode()] for name, value in headers(body)],
            "http_version": b"HTTP/1.1",
        },
        "type": "http",
        "version": 21,
        "error": None,
    }


def mitmproxy() -> bytes:
    return b"".join(netstring(flow(*one, second=second)) for second, one in enumerate(EXCHANGES))


def events() -> str:
    """Return a record of ours, from which tokens were taken out."""
    start = {"event": "start", "target": f"https://{HOST}"}
    lines: list[dict[str, Any]] = [start]
    for number, (body, status, answer) in enumerate(EXCHANGES):
        sent = [[name, value.replace(TOKEN, "[redacted]")] for name, value in HEADERS[1:]]
        lines.append(
            {
                "event": "exchange",
                "number": number + 1,
                "started": BEGAN + number,
                "seconds": 0.042,
                "attempt": 1,
                "request": {
                    "method": "POST",
                    "target": "/v1/order/730001/refund",
                    "headers": sent,
                    "body": body,
                    "encoding": "utf-8",
                    "bytes": len(body),
                },
                "response": {
                    "status": status,
                    "reason": "",
                    "headers": [list(JSON)] if answer else [],
                    "body": answer,
                    "encoding": "utf-8",
                    "bytes": len(answer),
                },
                "failure": None,
                "detail": "",
            }
        )
    lines.append({"event": "end", "time": "", "seconds": 1.0, "reason": "", "interrupted": False})
    return "".join(f"{json.dumps(line)}\n" for line in lines)


RECORDINGS: dict[str, bytes] = {
    "har": har().encode(),
    "har-with-mark": b"\xef\xbb\xbf" + har().encode(),
    "newman": newman().encode(),
    "mitmproxy": mitmproxy(),
    "json-lines": json_lines().encode(),
    "events": events().encode(),
}


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
