"""What the judge command sees in recordings of our own runs: of servers that are lawful, and of faulty ones.

``python bench/judging.py [--faults N]``: each lawful variant of the mock, each other answer that it may give to an
open question, and N of its faults, evenly chosen. Each run is recorded twice: as its own record has it (tokens
taken out, long bodies cut), and as a proxy would have it.
"""

import argparse
import base64
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refund_conformance.app.judging.exchanges import Base, Judging
from refund_conformance.app.recordings.reading import read
from refund_conformance.app.run_command import Choice, execute
from refund_conformance.cases.recorded.opinion import View
from refund_conformance.contract import model as contracts
from refund_conformance.engine.recorder import Record
from refund_conformance.mock import faults, variants
from refund_conformance.mock.answers import answers_of
from refund_conformance.transport.exchange import Exchange, Headers

OWN, PROXY = "own", "proxy"


@dataclass(frozen=True)
class Seen:
    """What was judged of one recording: how many exchanges, the clauses that are violated, and those that warn."""

    judged: int
    violated: tuple[str, ...]
    warned: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """One run: what it was of, the clauses that it found violated itself, and what was seen in its recordings."""

    name: str
    run: tuple[str, ...]
    seen: dict[str, Seen]


def entry(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as an entry of an HTTP archive, byte for byte."""
    request, response = exchange.request, exchange.response
    length = () if request.framed is not None else (("Content-Length", str(len(request.body))),)
    headers = (("Host", "mock.example"), *request.headers, *length)
    found = {
        "startedDateTime": datetime.fromtimestamp(exchange.started, UTC).isoformat(),
        "time": exchange.seconds * 1000,
        "request": {
            "method": request.method,
            "url": f"http://mock.example{request.target}",
            "headers": pairs(headers),
            "postData": {"text": base64.b64encode(request.body).decode(), "encoding": "base64"},
        },
        "response": {"status": 0},
    }
    if response is not None:
        content = {
            "text": base64.b64encode(response.body).decode(),
            "encoding": "base64",
            "size": len(response.body),
        }
        found["response"] = {"status": response.status, "headers": pairs(response.headers), "content": content}
    return found


def pairs(headers: Headers) -> list[dict[str, str]]:
    """Return header fields as an archive has them."""
    return [{"name": name, "value": value} for name, value in headers]


def carry_out(kind: str, name: str) -> Outcome:
    """Run the suite against a variant or a fault, and judge both recordings of it."""
    with TemporaryDirectory() as folder:
        report, proxy = Path(folder) / "report", Path(folder) / "proxy.jsonl"
        keep = Record.exchange
        with proxy.open("w", encoding="utf-8") as file:

            def both(record: Record, exchange: Exchange) -> int:
                file.write(json.dumps(entry(exchange)) + "\n")
                return keep(record, exchange)

            Record.exchange = both  # type: ignore[method-assign]
            chosen: dict[str, Any] = {f"{kind}s": (name,)}
            told = StringIO()
            with redirect_stdout(told), redirect_stderr(told):
                execute(Choice(report=report, **chosen))
            Record.exchange = keep  # type: ignore[method-assign]
        run = json.loads((report / "conformance.json").read_text(encoding="utf-8"))
        violated = tuple(row["id"] for row in run["clauses"] if row["result"] == "violated")
        return Outcome(name, violated, {OWN: judged(report), PROXY: judged(proxy)})


def judged(path: Path) -> Seen:
    """Judge a recording."""
    contract = contracts.load()
    bench = Judging(View(contract, contract.operation.authorization_header, {}), Base())
    events: list[dict[str, Any]] = []
    bench.sink = events.append
    for one in [one for one in read(path) if bench.is_wanted(one)]:
        bench.take(one)
    cases = [event for event in events if event["event"] == "case"]
    told = [
        f"{finding['clause']}: {case['title']} expected {finding['expected']}; got {finding['actual']}"
        for case in cases
        for finding in case["findings"]
        if case["outcome"] == "violated"
    ]
    of = {
        outcome: {
            finding["clause"] for case in cases if case["outcome"] == outcome for finding in case["findings"]
        }
        for outcome in ("violated", "warned")
    }
    return Seen(bench.judged, tuple(sorted(of["violated"])), tuple(sorted(of["warned"])), tuple(told))


def every(names: list[str], count: int) -> list[str]:
    """Return so many names, evenly chosen."""
    count = min(count, len(names))
    return [names[place * len(names) // count] for place in range(count)]


def other_answers() -> list[str]:
    """Return the answers to open questions that the mock gives if it is asked to, and not by itself."""
    contract = contracts.load()
    own = answers_of({}, contract)
    return [
        f"{question.id}={answer}"
        for question in contract.questions.values()
        for answer in question.permitted
        if question.answers and getattr(own, question.id.replace("-", "_")) != answer
    ]


def outcomes(kind: str, names: list[str]) -> Iterator[Outcome]:
    """Carry out the runs one after the other, in processes that do not grow old."""
    with get_context("spawn").Pool(1, maxtasksperchild=10) as pool:
        yield from pool.imap(partial(carry_out, kind), names)


def main() -> int:
    """Print what was seen; the exit status is 1 if a lawful variant was accused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--variants", type=int, default=1000)
    chosen = parser.parse_args()
    accused, exchanges = 0, Counter[str]()
    lawful = outcomes("variant", every([*variants.catalogue()], chosen.variants))
    for one in chain(lawful, outcomes("answer", every(other_answers(), chosen.variants))):
        for how, seen in one.seen.items():
            exchanges[how] += seen.judged
            accused += len(seen.told)
            print(
                f"{one.name} ({how}): {seen.judged} judged, accused: {[*seen.violated]}, warned: {[*seen.warned]}"
            )
            for text in seen.told[:5]:
                print(f"    {text}")
    print(f"lawful: {dict(exchanges)} exchanges, {accused} accusations")
    known, found, ran = faults.catalogue(), Counter[str](), 0
    for one in outcomes("fault", every([*known], chosen.faults)):
        ran += 1
        for how, seen in one.seen.items():
            found[how] += bool(seen.violated or seen.warned)
            found[f"{how}, violated"] += bool(seen.violated)
            found[f"{how}, its clause"] += known[one.name].clause in (*seen.violated, *seen.warned)
        told = {how: [*seen.violated, *seen.warned] for how, seen in one.seen.items()}
        print(f"{one.name}: {known[one.name].clause}; run {[*one.run]}; {told}")
    print(f"faults: of {ran}, {dict(found)}")
    return int(accused > 0)


if __name__ == "__main__":
    sys.exit(main())
