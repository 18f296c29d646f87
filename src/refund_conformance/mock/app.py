"""Put a mock together from its settings."""

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from refund_conformance.contract import Contract, load
from refund_conformance.mock import faults, variants
from refund_conformance.mock.answers import answers_of
from refund_conformance.mock.endpoint import Endpoint
from refund_conformance.mock.keys import process_key
from refund_conformance.mock.login import Login
from refund_conformance.mock.pacing import Pace, Pacing
from refund_conformance.mock.samples import Samples, samples
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store
from refund_conformance.mock.tokens import Tokens


@dataclass(frozen=True)
class Mock:
    """A mock that is ready to be served: the ASGI application and what it is made of."""

    settings: MockSettings
    contract: Contract
    store: Store
    tokens: Tokens
    samples: Samples
    pace: Pace
    app: Starlette

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def build(settings: MockSettings) -> Mock:
    """Build the mock; raise UsageError if a setting names what does not exist."""
    contract = load()
    answers = answers_of(settings.answers, contract)
    data = samples(settings.refundable)
    store = Store(settings.database)
    store.create_tables()
    if store.is_empty():
        store.add_users(data.users)
        store.add_orders(data.orders)
    key = process_key()
    tokens = Tokens(lambda: (key,), settings.token_seconds)
    plain = Endpoint(contract, store, tokens, answers)
    endpoint = endpoint_of(settings)(contract, store, tokens, answers)
    pace = Pace(settings.delay, settings.rate_limit)
    app = Starlette(
        routes=[
            Route(contract.operation.login_path, Pacing(Login(plain), pace)),
            Mount("", Pacing(endpoint, pace)),
        ]
    )
    return Mock(settings, contract, store, tokens, data, pace, app)


def endpoint_of(settings: MockSettings) -> type[Endpoint]:
    """Return the endpoint with the variants and faults of the settings, each a layer on the plain one."""
    layers: list[type[Endpoint]] = [fault.endpoint for fault in faults.chosen(settings.faults)]
    layers += [variant.endpoint for variant in variants.chosen(settings.variants)]
    return type("ChosenEndpoint", (*dict.fromkeys(layers), Endpoint), {}) if layers else Endpoint
