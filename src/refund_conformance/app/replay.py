"""Send one case again and show the bytes that went over the wire, and what was made of them."""

import json
import tomllib
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case, plain_case
from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract
from refund_conformance.engine.run import Run
from refund_conformance.sut import safety
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.profile import profile
from refund_conformance.sut.settings import Settings

Say = Callable[[str], object]


def replay(case_id: str, target: Path | None, faults: tuple[str, ...], allow_writes: bool, say: Say) -> int:
    """Send the case of an id, after the plain request where it needs an order that had one.

    Returns 0 if the answer is permitted, 1 if not. Raises UsageError for an id of no case.
    """
    contract = contracts.load()
    case = _case(contract, case_id)
    with ExitStack() as stack:
        settings = _settings(contract, target, faults, stack)
        safety.check(settings, contract.operation, allow_writes=allow_writes, read_only=False)
        ledger = open_ledger(settings.ledger or MEMORY, settings.base_url, uuid.uuid4().hex)
        told: list[dict[str, Any]] = []
        run = Run(contract, settings, profile("ci"), 0, told.append, ledger, contract.clauses)
        stack.callback(run.close)
        run.begin()
        if case.id != plain_case(contract).id:
            told.clear()
        result = run.carry_out(lambda examination: examination.examine(case))
    for event in told:
        if event["event"] == "exchange":
            _show(event, say)
    for finding in result.findings:
        say(f"{finding.clause}: expected {finding.expected}; got {finding.actual}")
    say(f"{case.id}: {result.outcome}{f' ({result.reason})' if result.reason else ''}")
    return 1 if result.outcome == "violated" else 0


def _case(contract: Contract, id_: str) -> Case:
    cases = all_cases(contract)
    if id_ not in cases:
        near = [known for known in cases if known.startswith(id_)][:5]
        hint = f"Do you mean {', '.join(near)}?" if near else "`refund-conformance explain CLAUSE` lists cases."
        raise UsageError(f"case {id_!r}", "is not among the listed ones", hint)
    return cases[id_]


def _settings(contract: Contract, target: Path | None, faults: tuple[str, ...], stack: ExitStack) -> Settings:
    if target is not None:
        return target_settings.load(target, contract)
    from refund_conformance.mock.server import running
    from refund_conformance.mock.settings import MockSettings

    mock = stack.enter_context(running(MockSettings(faults=faults)))
    return target_settings.parse(tomllib.loads(mock.target_toml()), "embedded mock", contract)


def _show(event: dict[str, Any], say: Say) -> None:
    """Show one exchange: head lines as they are, bodies as JSON strings, so that every byte is visible."""
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
