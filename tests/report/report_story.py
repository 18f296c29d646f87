"""Made-up runs: events as a run would leave them, from a few words in a test."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refund_conformance.contract import model as contracts
from refund_conformance.contract.model import Contract
from refund_conformance.report.events import EventFile

Event = dict[str, Any]

TARGET = "https://staging.example"


def message(body: str = "", *, encoding: str = "utf-8", size: int | None = None, **more: Any) -> Event:
    """Return a request or an answer as the record keeps it."""
    length = len(body.encode(encoding, "surrogatepass" if encoding == "utf-8" else "strict"))
    headers = more.pop("headers", [["Content-Type", "application/json"]])
    return {"headers": headers, "body": body, "encoding": encoding, "bytes": size or length, **more}


def request(body: str = '{"email":"a@b.example"}', **more: Any) -> Event:
    """Return a request with a redacted token."""
    more.setdefault("headers", [["Content-Type", "application/json"], ["AuthorizationJWT", "Bearer [redacted]"]])
    return message(body, **{"method": "POST", "target": "/v1/order/730001/refund", **more})


def response(status: int = 200, body: str = "", reason: str = "OK", **more: Any) -> Event:
    """Return an answer."""
    return message(body, status=status, reason=reason, **more)


def finding(clause: str, actual: str = "200 without errors", **more: Any) -> Event:
    """Return something wrong with an answer."""
    made = {
        "clause": clause,
        "kind": "accepted",
        "expected": "401 with an error code",
        "actual": actual,
        "also": [],
    }
    return {**made, **more}


@dataclass
class Story:
    """A run in the making. Its clock goes on by 0.1 s with each exchange."""

    contract: Contract = field(default_factory=contracts.load)
    events: list[Event] = field(default_factory=list)
    target: str = TARGET
    profile: str = "ci"
    started: str = "2026-03-01T05:00:00+00:00"
    strict: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def exchange(self, sent: Event | None = None, came: Event | None = None, **more: Any) -> int:
        """Add an exchange and return its number."""
        number = next(self._numbers) + 1
        self.events.append(
            {
                "event": "exchange",
                "number": number,
                "started": 1772341200 + number / 10,
                "seconds": 0.01 + number % 7 / 100,
                "attempt": 1,
                "request": sent or request(),
                "response": response() if came is None and not more.get("failure") else came,
                "failure": None,
                "detail": "",
                **more,
            }
        )
        return number

    def case(self, id_: str, outcome: str = "held", *findings: Event, **more: Any) -> None:
        """Add a case; one that was sent has an exchange of its own unless ``exchanges`` are given."""
        sent = outcome not in ("untested", "skipped")
        numbers = more.pop("exchanges", None)
        if numbers is None:
            numbers = [self.exchange()] if sent else []
        bad = sum(item["kind"] != "advice" for item in findings)
        event = {
            "event": "case",
            "case": id_,
            "clause": id_.partition("/")[0],
            "title": f"The case {id_}.",
            "outcome": outcome,
            "reason": "" if sent else "orders.unknown is not set",
            "findings": list(findings),
            "exchanges": numbers,
            "answer": "error" if sent else "",
            "failed": min(bad, 1),
            "tries": 1 if sent else 0,
        }
        self.events.append({**event, **more})

    def everything_held(self, *, but: tuple[str, ...] = ()) -> "Story":
        """Add a case that held for each clause, except those named."""
        for clause in self.contract.clauses:
            if clause not in but:
                self.case(f"{clause}/plain", answer="success" if clause.startswith("success") else "error")
        return self

    def write(self, directory: Path, *, ended: bool = True, reason: str = "", **start: Any) -> Path:
        """Write the run's events into a directory and return it."""
        file = EventFile(directory)
        first = {
            "event": "start",
            "format": 1,
            "time": self.started,
            "version": "0.1.0",
            "versions": {"python": "3.11.7", "pytest": "9.0.0"},
            "profile": self.profile,
            "seed": 7,
            "target": self.target,
            "strict": self.strict,
            "pins": {},
            "chosen": None,
            **start,
        }
        last = {"event": "end", "time": self.started, "seconds": 4.5, "reason": reason, "interrupted": False}
        for event in (first, *self.events, *([last] if ended else [])):
            file.write(event)
        file.close()
        return directory


def faulty_story() -> Story:
    """A run against a target that lets anyone in, crashes on a long description and warns once."""
    story = Story().everything_held(but=("auth.missing", "description.max-length", "auth.codes"))
    came = response(200, "", headers=[["Server", "nginx"]])
    shown = story.exchange(request(headers=[["Content-Type", "application/json"]]), came)
    story.case("auth.missing/no-header", "violated", finding("auth.missing"), exchanges=[shown])
    long = story.exchange(request('{"description":"' + "x" * 501 + '"}'), response(500, "oops", "Server Error"))
    crash = finding("server.no-5xx", "500 without an error code", kind="crash", also=["description.max-length"])
    story.case("description.max-length/over-501", "violated", crash, exchanges=[long])
    advice = finding("auth.codes", "401 with 1007", kind="advice", expected="401 with 1008")
    story.case("auth.codes/missing", "warned", advice)
    return story
