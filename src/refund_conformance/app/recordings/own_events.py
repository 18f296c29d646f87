"""Our own records (events.jsonl): the exchanges of a run, without what the run knew of them."""

from typing import Any

from refund_conformance.app.recordings.messages import sent_body, told_length
from refund_conformance.cases.recorded.authorization import MASK
from refund_conformance.cases.recorded.exchange import Answer, Recorded
from refund_conformance.contract import documents
from refund_conformance.contract.errors import UsageError
from refund_conformance.report import curl


def is_event(value: object) -> bool:
    """Whether a JSON value is an event of a record."""
    return isinstance(value, dict) and isinstance(value.get("event"), str)


def target_of(value: Any) -> str:
    """Return the server that the first event of a record names; "" for any other event."""
    target = value.get("target") if value["event"] == "start" else ""
    return str(target).rstrip("/") if str(target).startswith(("http://", "https://")) else ""


def exchange(value: Any, name: str, place: str, origin: str) -> Recorded | None:
    """Return the exchange of an event; None for an event of another kind. Raises UsageError if it is broken."""
    if value["event"] != "exchange":
        return None
    documents.check(value, "event", f"{name}: {place}", UsageError)
    request = value["request"]
    headers = tuple((key, text) for key, text in request["headers"])
    return Recorded(
        source=f"{name}, request {value['number']}",
        recorder=name,
        origin=origin,
        method=request["method"],
        target=request["target"],
        headers=headers,
        body=sent_body(_whole(request), told_length(headers, request["bytes"]), is_raw=True),
        answer=_answer(value["response"]),
        earliest=value["started"],
        latest=value["started"] + value["seconds"],
        keeps_headers=True,
        masks_tokens=True,
    )


def _whole(message: Any) -> bytes | None:
    """Return a body if all of it was kept."""
    raw = curl.raw(message)
    return raw if len(raw) == message["bytes"] or MASK in message["body"] else None


def _answer(response: Any) -> Answer | None:
    if response is None:
        return None
    headers = tuple((key, text) for key, text in response["headers"])
    return Answer(response["status"], response["reason"], headers, _whole(response))
