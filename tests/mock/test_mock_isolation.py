"""Tests that run side by side do not meet: tenants, queries of the journal, and what was accepted how often."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from mock_wire import VALID, Wire, many_wires

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings


def tenant(wire: Wire, **wish: Any) -> Any:
    reply = wire.ask("POST", "/_mock/tenants", wish)
    assert reply.status == 200, reply.body
    return reply.json


def test_a_tenant_has_orders_that_nobody_else_sees(wire: Wire) -> None:
    one, other = tenant(wire), tenant(wire)
    order = one["orders"]["refundable"][0]
    assert len(set(one["orders"]["refundable"]) | set(other["orders"]["refundable"])) == 10
    assert wire.refund(order).short == (404, [15060])
    assert wire.refund(order, headers=wire.headers(other["token"])).short == (404, [15060])
    assert wire.refund(order, headers=wire.headers(one["expired_token"])).short == (401, [1009])
    assert wire.refund(order, headers=wire.headers(one["token"])).status == 200
    assert wire.refund(wire.ids("refundable")[0], headers=wire.headers(one["token"])).short == (404, [15060])


def test_its_orders_are_made_in_every_state(wire: Wire) -> None:
    expected = {"not_paid": 15030, "zero_price": 15040, "refund_new": 15050, "foreign": 15060, "unknown": 15060}
    made = tenant(wire, orders=dict.fromkeys(expected, 2))
    headers = wire.headers(made["token"])
    for state, code in expected.items():
        assert [wire.refund(order, headers=headers).codes for order in made["orders"][state]] == [[code]] * 2
    more = wire.ask("POST", f"/_mock/tenants/{made['tenant']}/orders", {"state": "zero_price"}).json["orders"]
    assert wire.refund(more[0], headers=headers).codes == [15040]


def test_its_settings_and_journal_are_its_own(wire: Wire) -> None:
    made = tenant(wire, orders={"not_paid": 1})
    path, headers = f"/_mock/tenants/{made['tenant']}", wire.headers(made["token"])
    (order,) = made["orders"]["not_paid"]
    wire.ask("DELETE", "/_mock/requests")
    assert wire.ask("PUT", f"{path}/settings", {"faults": ["errors-all-200"]}).json["faults"] == ["errors-all-200"]
    assert wire.refund(order, headers=headers).short == (200, [15030])
    assert wire.refund(wire.ids("not_paid")[0]).short == (400, [15030])
    wire.ask("PUT", f"{path}/settings", {"faults": [], "rate_limit": 1})
    assert 429 in [wire.refund(order, headers=headers).status for _ in range(3)]
    assert wire.refund(wire.ids("not_paid")[0]).status == 400
    told = wire.ask("GET", f"{path}/requests").json["requests"]
    assert {entry["path"] for entry in told} == {f"/v1/order/{order}/refund"}
    assert len(wire.ask("GET", "/_mock/requests").json["requests"]) == 2
    wire.ask("DELETE", f"{path}/requests")
    assert wire.ask("GET", f"{path}/requests").json == {"requests": []}


def test_a_reset_leaves_it_alone_and_no_id_comes_twice(wire: Wire) -> None:
    made = tenant(wire)
    (before,) = wire.ask("POST", "/_mock/orders").json["orders"]
    order = made["orders"]["refundable"][0]
    assert wire.refund(order, headers=wire.headers(made["token"])).status == 200
    wire.ask("POST", "/_mock/reset")
    assert wire.refund(order, headers=wire.headers(made["token"])).short == (400, [15050])
    (after,) = wire.ask("POST", "/_mock/orders").json["orders"]
    assert int(after) == int(before) + 1


def test_one_that_is_removed_is_nobody(wire: Wire) -> None:
    made = tenant(wire)
    path = f"/_mock/tenants/{made['tenant']}"
    assert wire.ask("DELETE", path).status == 200
    assert wire.ask("GET", f"{path}/requests").status == 404
    assert wire.refund(made["orders"]["refundable"][0], headers=wire.headers(made["token"])).codes == [15000]
    assert tenant(wire)["tenant"] != made["tenant"]


def test_several_at_once_do_not_meet() -> None:
    def use(wire: Wire) -> tuple[str, list[str], int]:
        made = tenant(wire, orders={"refundable": 3})
        orders, headers = made["orders"]["refundable"], wire.headers(made["token"])
        wire.ask("PUT", f"/_mock/orders/{orders[0]}/script", [503])
        assert [wire.refund(orders[0], headers=headers).status for _ in range(3)] == [503, 200, 400]
        assert [wire.refund(order, headers=headers).status for order in orders[1:]] == [200, 200]
        return (
            made["tenant"],
            orders,
            len(wire.ask("GET", f"/_mock/tenants/{made['tenant']}/requests").json["requests"]),
        )

    with running(MockSettings()) as mock, many_wires(mock, 4) as wires, ThreadPoolExecutor(4) as pool:
        found = [one for _ in range(5) for one in pool.map(use, wires)]
    assert len({name for name, _, _ in found}) == 20
    assert len({order for _, orders, _ in found for order in orders}) == 60
    assert {number for _, _, number in found} == {5}


def test_the_journal_is_asked_for_some_requests(wire: Wire) -> None:
    paid, unpaid = wire.ask("POST", "/_mock/orders").json["orders"][0], wire.ids("not_paid")[1]
    wire.ask("DELETE", "/_mock/requests")
    wire.refund(paid)
    wire.refund(unpaid)
    wire.refund(unpaid, {"email": ""})

    def found(query: str) -> list[tuple[str, int]]:
        entries = wire.ask("GET", f"/_mock/requests?{query}").json["requests"]
        return [(entry["path"].split("/")[3], entry["status"]) for entry in entries]

    assert found(f"order={unpaid}") == [(unpaid, 400)] * 2
    assert found("status=200") == [(paid, 200)]
    assert found(f"order={unpaid}&code=15010") == found("check=fields") == [(unpaid, 400)]
    assert found(f"order={paid}&status=400") == []
    assert wire.ask("GET", "/_mock/requests?colour=red").status == 400


def test_exactly_one_accepted_request_is_verified(wire: Wire) -> None:
    (order,) = wire.ask("POST", "/_mock/orders").json["orders"]
    none = wire.ask("POST", "/_mock/verify", {"order": order})
    assert (none.status, none.json["error"]) == (409, f"0 requests for order {order} were accepted, not 1")
    assert wire.ask("POST", "/_mock/verify", {"order": order, "accepted": 0}).status == 200
    assert [wire.refund(order).status for _ in range(2)] == [200, 400]
    assert wire.ask("POST", "/_mock/verify", {"order": order}).json["accepted"] == 1
    wire.ask("POST", f"/_mock/orders/{order}/advance", {"to": "completed"})
    assert wire.refund(order, VALID).status == 200
    assert wire.ask("POST", "/_mock/verify", {"order": order}).status == 409
    assert wire.ask("POST", "/_mock/verify", {"order": order, "accepted": 2}).status == 200


def test_what_an_order_came_with_was_not_accepted(wire: Wire) -> None:
    order = wire.ids("refund_new")[0]
    assert wire.ask("GET", f"/_mock/orders/{order}").json["refund_requests"][0]["received"] is None
    assert wire.ask("POST", "/_mock/verify", {"order": order, "accepted": 0}).status == 200


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/_mock/tenants", {"orders": {"nonsense": 1}}),
        ("/_mock/tenants", {"orders": {"refundable": 0}}),
        ("/_mock/tenants", {"orders": []}),
        ("/_mock/tenants", {"name": "mine"}),
        ("/_mock/verify", {"order": "730001", "accepted": -1}),
        ("/_mock/verify", {"order": "730001", "accepted": True}),
        ("/_mock/verify", {"order": "730001", "of": 1}),
        ("/_mock/verify", {"order": "1"}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(wire: Wire, path: str, document: Any) -> None:
    reply = wire.ask("POST", path, document)
    assert reply.status == 400
    assert reply.json["error"]
