"""Put a mock together from its settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from refund_conformance.contract.model import Contract, load
from refund_conformance.mock import faults, variants
from refund_conformance.mock.admin import Upkeep
from refund_conformance.mock.answers import answers_of
from refund_conformance.mock.call import Answer, Received
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.keyring import KeyRing
from refund_conformance.mock.pacing import Pace
from refund_conformance.mock.rehearsal import Rehearsal, rehearsal_ids
from refund_conformance.mock.request_log import Journal, log_request
from refund_conformance.mock.samples import Samples, samples
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store
from refund_conformance.mock.tokens import Tokens


@dataclass
class Mock:
    """A mock's parts. ``current`` are the settings that it serves with, ``settings`` those it started with."""

    settings: MockSettings
    contract: Contract
    store: Store
    tokens: Tokens
    samples: Samples
    upkeep: Upkeep
    pace: Pace
    journal: Journal
    plain: Endpoint
    current: MockSettings
    endpoint: Endpoint
    rehearsal: Mapping[int, int] = field(default_factory=dict)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request to the refund endpoint as it is at present."""
        await self.endpoint(scope, receive, send)

    def serve_with(self, settings: MockSettings) -> None:
        """Change faults, variants and answers; raise UsageError if one of them does not exist."""
        self.endpoint = _endpoint(settings, self.contract, self.store, self.tokens, self.plain.observe)
        self.current = settings

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def build(settings: MockSettings) -> Mock:
    """Build the mock; raise UsageError if a setting names what does not exist."""
    settings.check()
    contract = load()
    data = samples(settings.refundable)
    answers = answers_of(settings.answers, contract)
    endpoint_class(settings)
    store = Store(settings.database)
    store.create_tables()
    if store.is_empty():
        store.add_users(data.users)
        store.add_orders(data.orders)
    tokens = Tokens(KeyRing(store, settings.token_seconds), settings.token_seconds)
    journal = Journal()
    plain = Endpoint(contract, store, tokens, answers)
    plain.observe = _observer(settings, journal)
    return Mock(
        settings=settings,
        contract=contract,
        store=store,
        tokens=tokens,
        samples=data,
        upkeep=Upkeep(store, data),
        pace=Pace(settings.delay, settings.rate_limit),
        journal=journal,
        plain=plain,
        current=settings,
        endpoint=_endpoint(settings, contract, store, tokens, plain.observe),
        rehearsal=rehearsal_ids(plain) if settings.rehearsal else {},
    )


def endpoint_class(settings: MockSettings) -> type[Endpoint]:
    """Return the endpoint with the variants and faults of the settings, each a layer on the plain one."""
    layers: list[type[Endpoint]] = [fault.endpoint for fault in faults.chosen(settings.faults)]
    layers += [variant.endpoint for variant in variants.chosen(settings.variants)]
    if settings.rehearsal:
        layers.append(Rehearsal)
    chosen = (*dict.fromkeys(layers), Endpoint)
    return type("ChosenEndpoint", chosen, {"resumes": not settings.faults}) if layers else Endpoint


def _endpoint(
    settings: MockSettings,
    contract: Contract,
    store: Store,
    tokens: Tokens,
    observe: Callable[[Received, Answer, float], None],
) -> Endpoint:
    endpoint = endpoint_class(settings)(contract, store, tokens, answers_of(settings.answers, contract))
    endpoint.observe = observe
    return endpoint


def _observer(settings: MockSettings, journal: Journal) -> Callable[[Received, Answer, float], None]:
    if not settings.log:
        return journal.record

    def both(received: Received, answer: Answer, seconds: float) -> None:
        journal.record(received, answer, seconds)
        log_request(received, answer, seconds)

    return both
