"""Order data, order search, keys and health."""

import time
from collections.abc import Iterator

import jwt
import pytest
from mock_wire import Reply, Wire

from refund_conformance.mock.keyring import KeyRing
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.store import Store
from refund_conformance.mock.tokens import TokenRefusedError, Tokens


@pytest.fixture
def wire() -> Iterator[Wire]:
    with running(MockSettings(refundable=20)) as mock, Wire(mock) as wire:
        yield wire


def _order(wire: Wire, order: str, token: str | None = None) -> Reply:
    return wire.send("GET", f"/v1/order/{order}", wire.headers(token)[:1])


def test_order_data_follow_the_life_of_a_refund_request(wire: Wire) -> None:
    order = wire.ids("refundable")[0]
    data = _order(wire, order).json
    assert data["order_id"] == int(order)
    assert isinstance(data["order_name"], str)
    assert data["status"] == "paid"
    assert "refund" not in data
    wire.refund(order)
    assert _order(wire, order).json["additional_status"] == "Refund request has been sent"
    wire.ask("POST", f"/_mock/orders/{order}/advance")
    assert _order(wire, order).json["additional_status"] == "Refund info is being updated"
    wire.ask("POST", f"/_mock/orders/{order}/advance", {"extent": "full"})
    data = _order(wire, order).json
    assert data["status"] == "deleted"
    assert "additional_status" not in data
    assert data["refund"]["status"] == "completed"


def test_order_data_are_for_the_merchant_only(wire: Wire) -> None:
    assert wire.send("GET", f"/v1/order/{wire.ids('refundable')[0]}").short == (401, [1008])
    for order in (wire.ids("foreign")[0], wire.ids("unknown")[0], "abc", "0"):
        assert _order(wire, order).short == (404, [15020])
    assert _order(wire, wire.ids("foreign")[0], wire.token("other_merchant_token")).status == 200
    assert _order(wire, wire.ids("refundable")[0], wire.token("unconfigured_token")).short == (400, [15000])


def _search(wire: Wire, body: bytes) -> Reply:
    return wire.send("POST", "/v1/order/search", wire.headers(), body)


def test_search_finds_orders_by_status(wire: Wire) -> None:
    everything = {int(id_) for name in wire.target["orders"] for id_ in wire.ids(name)}
    everything -= {int(id_) for name in ("foreign", "unknown") for id_ in wire.ids(name)}
    assert set(_search(wire, b"{}").json["ids"]) == everything
    unpaid = _search(wire, b'{"status": "not paid"}').json["ids"]
    assert unpaid == [int(id_) for id_ in wire.ids("not_paid")[:-1]]
    assert _search(wire, b'{"status": "deleted"}').json["ids"] == [int(wire.ids("not_paid")[-1])]
    assert _search(wire, b'{"status": "lost"}').short == (400, [15010])
    assert _search(wire, b'{"status": ["paid"]}').short == (400, [15010])
    assert _search(wire, b"[]").short == (400, [110])
    assert wire.send("POST", "/v1/order/search", wire.headers()[:1], b"{}").short == (400, [111])
    assert wire.send("POST", "/v1/order/search", (), b"{}").short == (401, [1008])


def test_published_keys_verify_tokens_across_a_rotation(wire: Wire) -> None:
    def verify(token: str) -> str:
        keys = jwt.PyJWKSet.from_dict(wire.ask("GET", "/.well-known/jwks.json").json)
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return str(jwt.decode(token, key.key, algorithms=["RS256"])["sub"])

    before = wire.token()
    assert verify(before) == "merchant"
    kid = wire.ask("POST", "/_mock/keys/rotate").json["kid"]
    after = wire.ask("POST", "/_mock/tokens").json["token"]
    assert jwt.get_unverified_header(after)["kid"] == kid
    for token in (before, after):
        assert verify(token) == "merchant"
        assert wire.refund(wire.ids("not_paid")[0], headers=wire.headers(token)).short == (400, [15030])
    assert b'"d"' not in wire.ask("GET", "/.well-known/jwks.json").body


def test_keys_are_forgotten_when_their_tokens_have_expired() -> None:
    store = Store("sqlite://")
    store.create_tables()
    ring = KeyRing(store, token_seconds=0.2)
    tokens = Tokens(ring, seconds=60)
    token = tokens.issue("merchant")
    ring.rotate()
    assert tokens.read(token) == "merchant"
    time.sleep(0.3)
    ring.rotate()
    assert len(ring.all) == 2
    with pytest.raises(TokenRefusedError, match="not ours"):
        tokens.read(token)
    store.close()


def test_another_process_finds_a_new_key() -> None:
    store = Store("sqlite://")
    store.create_tables()
    here, there = KeyRing(store, 60), KeyRing(store, 60)
    here.rotate()
    assert there.find(here.newest.id) is not None
    store.close()


def test_health(wire: Wire) -> None:
    reply = wire.ask("GET", "/healthz")
    assert (reply.status, reply.json) == (200, {"status": "ok"})
