"""The engine in this process: on a mock of its own, or on a script that plays the target."""

import json
import threading
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from refund_conformance.cases import all_cases
from refund_conformance.cases.orders import REFUNDABLE_GROUPS
from refund_conformance.contract import model as contracts
from refund_conformance.engine.confirmation import Confirmation
from refund_conformance.engine.context import context_of
from refund_conformance.engine.executor import Executor
from refund_conformance.engine.recorder import Record
from refund_conformance.engine.run import Run
from refund_conformance.engine.runner import Runner
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.client import Client
from refund_conformance.sut.ledger import MEMORY, open_ledger
from refund_conformance.sut.limits import Allowance, Limits
from refund_conformance.sut.order_pool import OrderPool
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import Settings
from refund_conformance.sut.tokens import Tokens
from refund_conformance.transport.connection import Wire
from refund_conformance.transport.exchange import Exchange, Failure, Request, Response
from refund_conformance.transport.redaction import Redactor

CONTRACT = contracts.load()
CASES = all_cases(CONTRACT)
EVERY_CLAUSE = frozenset(CONTRACT.clauses)

Event = dict[str, Any]
_LEASED: WeakKeyDictionary[RunningMock, set[str]] = WeakKeyDictionary()

Change = Callable[[Event], None]
"""Changes target settings, as TOML has them, in place."""


@dataclass
class MockRun:
    """A run on a mock, and the events that it has kept."""

    mock: RunningMock
    run: Run
    settings: Settings
    events: list[Event]

    @property
    def runner(self) -> Runner:
        return self.run.runner

    @property
    def executor(self) -> Executor:
        return self.runner.executor

    @property
    def orders(self) -> OrderPool:
        return self.runner.orders

    @property
    def notes(self) -> list[str]:
        return [event["text"] for event in self.kept("note")]

    def kept(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.events if event["event"] == kind]

    def leased(self) -> list[str]:
        """Return the refundable orders that were leased."""
        return [event["order"] for event in self.kept("leased") if event["group"] == "refundable"]

    def use_up(self, orders: Iterable[str]) -> None:
        """Have the mock accept a refund request for orders, as someone else's requests would."""
        for order in orders:
            assert self.mock.mock.store.create_refund_request(int(order), "else@example.com", None)


def unchanged(target: Event) -> None:
    """Leave target settings as they are."""


@contextmanager
def mock_run(
    *faults: str,
    refundable: int = 40,
    change: Change = unchanged,
    begun: bool = True,
    profile: str = "ci",
    seed: int = 0,
    **bounds: Any,
) -> Iterator[MockRun]:
    """Provide a run on a mock of its own. ``bounds`` replace those of the profile."""
    with (
        running(MockSettings(faults=faults, refundable=refundable)) as mock,
        on_mock(mock, change, begun, profile, seed, **bounds) as made,
    ):
        yield made


@contextmanager
def on_mock(
    mock: RunningMock,
    change: Change = unchanged,
    begun: bool = True,
    profile: str = "ci",
    seed: int = 0,
    in_flight: int = 1,
    chosen: Collection[str] = EVERY_CLAUSE,
    fresh: bool = True,
    **bounds: Any,
) -> Iterator[MockRun]:
    """Provide a run on a mock that others may use too: with orders that no other such run has leased."""
    target = tomllib.loads(mock.target_toml())
    used = _LEASED.setdefault(mock, set())
    for group in REFUNDABLE_GROUPS:
        target["orders"][group] = [order for order in target["orders"][group] if order not in used]
    change(target)
    settings = replace(target_settings.parse(target, "the mock's settings", CONTRACT), fresh=fresh)
    events: list[Event] = []
    ledger = open_ledger(MEMORY, settings.base_url, "run")
    bounded = replace(PROFILES[profile], **bounds)
    run = Run(context_of(CONTRACT, settings, bounded, seed, events.append, ledger, chosen, in_flight))
    try:
        if begun:
            run.begin()
        yield MockRun(mock, run, settings, events)
    finally:
        run.close()
        used |= {event["order"] for event in events if event["event"] == "leased"}


# ---- a script instead of a target

Answer = Response | Failure
Script = Callable[[Request], Answer]

TOKENS = {"token": "our-own-opaque-token", "other_merchant_token": "the-other-opaque-token"}
GROUPS = {
    "refundable": tuple(str(730001 + number) for number in range(12)),
    "unknown": ("990001",),
    "refund_finished": ("650001", "650002", "650003"),
}
ACCEPTED = Response(200, "OK", (), b"")


def refused(code: int, status: int = 0, field: str = "email") -> Response:
    """Return the documented answer with an error code, or one with another status."""
    error = CONTRACT.errors[code]
    body = {"errors": [{"error": code, "message": error.message.format(field=field)}]}
    headers = (("Content-Type", "application/json"),)
    return Response(status or error.status, "", headers, json.dumps(body).encode())


def plain(status: int) -> Response:
    """Return an answer without a body."""
    return Response(status, "", (), b"")


def in_turn(*answers: Answer) -> Script:
    """Return a script with these answers, the last of which is given for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def lawful(*answers: Answer) -> Script:
    """Return a script that gives these answers, and from then on accepts one valid request for each order."""
    left = list(answers)
    accepted: set[str] = set()

    def script(request: Request) -> Answer:
        if left:
            return left.pop(0)
        if request.target in accepted:
            return refused(15050)
        if b'"email"' not in request.body:
            return refused(15010)
        accepted.add(request.target)
        return ACCEPTED

    return script


class ScriptedClient(Client):
    """A client whose target is a script. ``together`` has the sizes of what was sent at one moment."""

    def __init__(self, settings: Settings, record: Record, script: Script) -> None:
        super().__init__(settings, Tokens(settings, CONTRACT.operation), Redactor(), record.exchange)
        self.script = script
        self.requests: list[Request] = []
        self.together: list[int] = []
        self.record = record
        self.turn = threading.Lock()

    def send(
        self,
        request: Request,
        wire: Wire | None = None,
        *,
        repeatable: bool = True,
        prefetched: bool = False,
        waits: bool = True,
    ) -> Exchange:
        with self.turn:
            self.sent += 1
            self.requests.append(request)
            answer = self.script(request)
            response, failure = (None, answer) if isinstance(answer, Failure) else (answer, None)
            exchange = Exchange(request, response, failure, str(failure or ""), 0.0, 0.0)
            return replace(exchange, number=self.record.exchange(exchange))

    def send_together(self, requests: Sequence[Request]) -> list[Exchange]:
        self.together.append(len(requests))
        return [self.send(request) for request in requests]


@dataclass
class Stage:
    """A executor whose target is a script, and the events that it has kept."""

    executor: Executor
    client: ScriptedClient
    events: list[Event] = field(default_factory=list)

    @property
    def confirmation(self) -> Confirmation:
        return Confirmation(self.executor)

    @property
    def runner(self) -> Runner:
        """An runner of its own each time, of a run that has every clause."""
        return Runner(self.executor, {})

    @property
    def orders(self) -> list[str]:
        """The orders that requests were for, in turn."""
        return [request.target.split("/")[3] for request in self.client.requests]


def stage(
    script: Script | Answer,
    *,
    groups: dict[str, tuple[str, ...]] = GROUPS,
    tokens: dict[str, str] = TOKENS,
    limit: int = 30,
    requests: int = 400,
    **settings: Any,
) -> Stage:
    """Set up a executor whose target is a script, or gives one answer for ever."""
    made = Settings("http://scripted.example", tokens=tokens, orders=groups, **settings)
    events: list[Event] = []
    record = Record(Redactor(), events.append)
    client = ScriptedClient(made, record, script if callable(script) else in_turn(script))
    ledger = open_ledger(MEMORY, made.base_url, "run")
    orders = OrderPool(groups, limit, ledger)
    return Stage(
        Executor(CONTRACT, made, client, orders, record, Allowance(Limits(requests, limit, 3600.0))),
        client,
        events,
    )
