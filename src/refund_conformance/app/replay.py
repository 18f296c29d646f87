"""Send cases again and show the bytes that went over the wire, and what was made of them."""

import json
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from refund_conformance.app import replay_files
from refund_conformance.app.replay_files import Sent
from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.contract import documents
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import RunError, UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.context import context_of
from refund_conformance.engine.run import Run
from refund_conformance.report import curl, events, summary
from refund_conformance.sut import safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import profile
from refund_conformance.sut.settings import Settings

Say = Callable[[str], object]


@dataclass(frozen=True)
class Again:
    """What to send again, and what to make of it.

    Without ``target`` and ``faults``, settings, faults and seed are those of the run whose report is ``report``.
    ``failed`` chooses all cases that failed in it, ``cause`` those of one of its causes, counted from 1.
    """

    cases: tuple[str, ...] = ()
    report: Path = Path("reports/latest")
    failed: bool = False
    cause: int | None = None
    target: Path | None = None
    faults: tuple[str, ...] = ()
    allow_writes: bool = False
    har: Path | None = None
    pytest: Path | None = None
    with_curl: bool = False


def replay(again: Again, say: Say) -> int:
    """Send the chosen cases, after the plain request, and return 0 if each answer is permitted, else 1.

    Raises UsageError for an id of no case, and where nothing is chosen.
    """
    contract = contracts.load()
    start = _start(again.report)
    cases, others = _chosen(contract, again)
    for other in others:
        what = "was sent by somebody else" if events.is_recorded(other) else "takes several requests"
        say(f"{other}: {what}; `refund-conformance run {_clause(other)}` checks it again")
    if not cases:
        return 1
    with ExitStack() as stack:
        settings = _settings(contract, again, start, stack)
        safety.check(settings, contract.operation, allow_writes=again.allow_writes, read_only=False)
        say(_orders(contract, cases))
        ledger = open_ledger(settings.ledger or MEMORY, settings.base_url, uuid.uuid4().hex)
        told: list[dict[str, Any]] = []
        run = Run(
            context_of(
                contract, settings, profile("ci"), int(start.get("seed", 0)), told.append, ledger, contract.clauses
            )
        )
        stack.callback(run.close)
        run.begin()
        sent = [_send(run, case, told, plain_case(contract).id) for case in cases]
    for one in sent:
        _show(one, settings.base_url if again.target or start.get("settings") else "", again.with_curl, say)
    for path, text in ((again.har, replay_files.har), (again.pytest, replay_files.test_file)):
        if path is not None:
            replay_files.write(path, text(contract, sent, settings.base_url))
            say(f"written: {path}")
    return 1 if any(one.result.outcome == "violated" for one in sent) else 0


def _send(run: Run, case: Case, told: list[dict[str, Any]], plain: str) -> Sent:
    if case.id != plain:
        told.clear()
    result = run.carry_out(lambda runner: runner.examine(case))
    exchanges = tuple(event for event in told if event["event"] == "exchange")
    told.clear()
    return Sent(case, result, exchanges)


def _chosen(contract: Contract, again: Again) -> tuple[list[Case], list[str]]:
    """Return the cases to send, and the ids of those that cannot be sent by themselves."""
    known = all_cases(contract)
    ids = list(again.cases)
    if again.failed or again.cause is not None:
        ids += _failing(again)
    if not ids:
        raise UsageError("replay", "no case is chosen", "Name cases, or choose with --failed or --cause N.")
    chosen = [known[id_] for id_ in dict.fromkeys(ids) if id_ in known]
    recorded = set(ids) - set(again.cases)
    for id_ in again.cases:
        if id_ not in known:
            raise UsageError(f"case {id_!r}", "is not among the listed ones", _hint(id_, known))
    return chosen, [id_ for id_ in dict.fromkeys(ids) if id_ in recorded and id_ not in known]


def _hint(id_: str, known: Mapping[str, Case]) -> str:
    near = [one for one in known if one.startswith(id_)][:5] or get_close_matches(id_, known, 3, 0.5)
    return f"Do you mean {', '.join(near)}?" if near else "`refund-conformance explain CLAUSE` lists cases."


def _failing(again: Again) -> list[str]:
    """Return the ids of the cases that failed in a report: all, or those of one cause."""
    path = again.report / summary.FILE
    data = documents.read_json(path, RunError)
    documents.check(data, "conformance-report", str(path), RunError)
    causes = data.get("causes", [])
    if again.cause is None:
        found = [event for event in events.read(again.report) if event["event"] == "case"]
        return [event["case"] for event in found if event["outcome"] == "violated"]
    if not 1 <= again.cause <= len(causes):
        remedy = f"It has {len(causes)}." if causes else "It has none: nothing is violated."
        raise UsageError(f"--cause {again.cause}", f"is not a cause in {path}", remedy)
    return list(causes[again.cause - 1]["cases"])


def _clause(case: str) -> str:
    return case.partition("/")[0]


def _start(report: Path) -> Mapping[str, Any]:
    """Return the first event of a report's record; an empty one, if there is no report."""
    if not (report / events.FILE).is_file():
        return {}
    return next((event for event in events.read(report) if event["event"] == "start"), {})


def _orders(contract: Contract, cases: Sequence[Case]) -> str:
    """Say how many refundable orders this may use."""
    accepted = [case for case in cases if not case.situation.wrong and case.id != plain_case(contract).id]
    refused = len({case.id for case in cases if case.situation.wrong and case.group == "refundable"})
    most = 1 + len(accepted) + refused
    sure = 1 + len(accepted)
    return f"{len(cases)} cases: {sure} refundable orders are used, up to {most} if wrong requests are accepted"


def _settings(contract: Contract, again: Again, start: Mapping[str, Any], stack: ExitStack) -> Settings:
    remembered = start.get("settings", "") if not again.faults else ""
    target = again.target or (Path(remembered) if remembered else None)
    if target is not None:
        return target_settings.load(target, contract)
    from refund_conformance.mock.answers import answers_from
    from refund_conformance.mock.server import running
    from refund_conformance.mock.settings import MockSettings

    kept = {} if again.faults else start.get("mock", {})
    chosen = MockSettings(
        faults=again.faults or tuple(kept.get("fault", ())),
        variants=tuple(kept.get("variant", ())),
        answers=answers_from(tuple(kept.get("answer", ()))),
    )
    mock = stack.enter_context(running(chosen))
    return target_settings.parse(tomllib.loads(mock.target_toml()), "embedded mock", contract)


def _show(sent: Sent, base_url: str, with_curl: bool, say: Say) -> None:
    """Show a case's exchanges: head lines as they are, bodies as JSON strings, so that every byte is visible."""
    say(f"== {sent.case.id}: {sent.case.title}")
    for event in sent.exchanges:
        _show_exchange(event, say)
        if with_curl:
            secret = f"REFUND_{sent.case.draft.credential.upper()}"
            say(curl.command(base_url, event["request"], secret) or "(too long for a command)")
    for finding in sent.result.findings:
        say(f"{finding.clause}: expected {finding.expected}; got {finding.actual}")
    reason = f" ({sent.result.reason})" if sent.result.reason else ""
    say(f"{sent.case.id}: {sent.result.outcome}{reason}")


def _show_exchange(event: Mapping[str, Any], say: Say) -> None:
    request, response = event["request"], event["response"]
    say(f"> {request['method']} {request['target']}")
    for name, value in request["headers"]:
        say(f"> {name}: {value}")
    say(f"> {json.dumps(request['body'])} ({request['bytes']} bytes)")
    if response is None:
        say(f"< nothing: {event['detail']}")
    else:
        say(f"< {response['status']}")
        for name, value in response["headers"]:
            say(f"< {json.dumps(name)[1:-1]}: {json.dumps(value)[1:-1]}")
        say(f"< {json.dumps(response['body'])} ({response['bytes']} bytes)")
    say("")
