"""Put a mock together from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from refund_conformance.contract.errors import UsageError
from refund_conformance.contract.model import Contract, load
from refund_conformance.mock import faults, variants
from refund_conformance.mock.admin import Upkeep
from refund_conformance.mock.answers import answers_of
from refund_conformance.mock.call import Answer, Call, Received
from refund_conformance.mock.database import is_trouble
from refund_conformance.mock.endpoint import Endpoint, Observer, received_of
from refund_conformance.mock.keyring import KeyRing
from refund_conformance.mock.pacing import Pace
from refund_conformance.mock.passwords import hashed
from refund_conformance.mock.rehearsal import Rehearsal, rehearsal_ids
from refund_conformance.mock.request_log import Journal, log_request
from refund_conformance.mock.samples import Samples, samples
from refund_conformance.mock.scripts import Performance, Scripts
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store
from refund_conformance.mock.tenants import Tenant
from refund_conformance.mock.tokens import Tokens, named_user


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
    scripts: Scripts = field(default_factory=Scripts)
    tenants: dict[str, Tenant] = field(default_factory=dict)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request to the refund endpoint as it is at present, for the tenant or script that it meets."""
        if not (self.scripts or self.tenants):
            await self.endpoint(scope, receive, send)
            return
        received = received_of(scope, b"")
        header = "".join(received.values(self.contract.operation.authorization_header)[:1])
        caller = named_user(header)
        tenant = self.tenants.get(caller)
        endpoint = self.endpoint if tenant is None else tenant.endpoint
        order = self.plain.order_number(self.plain.match_route(Call(received)) or "")
        is_meant = received.method == self.contract.operation.method and order is not None
        step = self.scripts.take(order, caller) if is_meant else None
        if step is not None:
            await Performance(endpoint, self.upkeep.advance).serve(step, order, scope, receive, send)
        elif tenant is not None:
            await tenant.serve(scope, receive, send)
        else:
            await endpoint(scope, receive, send)

    def serve_with(self, settings: MockSettings) -> None:
        """Change faults, variants and answers; raise UsageError if one of them does not exist."""
        self.endpoint = self.endpoint_with(settings, self.plain.observe)
        self.current = settings

    def endpoint_with(self, settings: MockSettings, observe: Observer) -> Endpoint:
        """Return an endpoint on this mock's data; raise UsageError for faults that there are not."""
        return _endpoint(settings, self.contract, self.store, self.tokens, observe)

    def add_tenant(self) -> Tenant:
        """Make a merchant with one user, who has the mock's first settings and a journal of its own."""
        name, merchant = self.upkeep.add_merchant()
        journal = Journal()
        settings = replace(self.settings, delay=0.0, rate_limit=None, faults=(), variants=(), rehearsal=False)
        endpoint = self.endpoint_with(settings, _observer(settings, journal))
        tenant = self.tenants[name] = Tenant(name, merchant, endpoint, settings, Pace(), journal)
        return tenant

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
    store = _open_store(settings, data)
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


def _open_store(settings: MockSettings, data: Samples) -> Store:
    store = Store(settings.database)
    try:
        store.create_tables()
        if store.is_empty():
            store.add_users(data.users)
            store.add_orders(data.orders)
        if settings.passwords is not None:
            store.set_passwords({name: hashed(text) for name, text in settings.passwords.items()})
    except SQLAlchemyError as problem:
        store.close()
        if not is_trouble(problem):
            raise
        reason = str(getattr(problem, "orig", problem)).strip().partition("\n")[0]
        raise UsageError("the database", f"does not answer ({reason})", "Start it, or name another.") from None
    return store


def endpoint_class(settings: MockSettings) -> type[Endpoint]:
    """Return the endpoint with the variants and faults of the settings, each a layer on the plain one."""
    layers: list[type[Endpoint]] = [fault.endpoint for fault in faults.chosen(settings.faults)]
    layers += [variant.endpoint for variant in variants.chosen(settings.variants)]
    if settings.rehearsal:
        layers.append(Rehearsal)
    chosen = (*dict.fromkeys(layers), Endpoint)
    try:
        return type("ChosenEndpoint", chosen, {"resumes": not settings.faults}) if layers else Endpoint
    except TypeError:
        named = ", ".join((*settings.faults, *settings.variants))
        raise UsageError(named, "do not go together in this order", "Name them in another order.") from None


def _endpoint(
    settings: MockSettings,
    contract: Contract,
    store: Store,
    tokens: Tokens,
    observe: Observer,
) -> Endpoint:
    endpoint = endpoint_class(settings)(contract, store, tokens, answers_of(settings.answers, contract))
    endpoint.observe = observe
    return endpoint


def _observer(settings: MockSettings, journal: Journal) -> Observer:
    if not settings.log:
        return journal.record

    def both(received: Received, answer: Answer, seconds: float) -> None:
        journal.record(received, answer, seconds)
        log_request(received, answer, seconds)

    return both
