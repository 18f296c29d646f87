"""A script has it so that requests for one order, or of one caller, are answered wrongly, late, or not at all."""

import http.client
import time
from collections.abc import Iterator
from typing import Any

import pytest
from mock_wire import Reply, Wire

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings


@pytest.fixture(scope="module", params=["sqlite://", "sqlite:///{folder}/mock.db"], ids=["memory", "file"])
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    database = request.param.format(folder=tmp_path_factory.mktemp("scripts"))
    with running(MockSettings(database=database)) as mock, Wire(mock) as wire:
        yield wire


@pytest.fixture
def order(wire: Wire) -> str:
    return str(wire.ask("POST", "/_mock/orders").json["orders"][0])


def script(wire: Wire, order: str, steps: Any) -> Reply:
    reply = wire.ask("PUT", f"/_mock/orders/{order}/script", steps)
    assert reply.status == 200, reply.body
    return reply


def requests(wire: Wire, order: str) -> list[Any]:
    return list(wire.ask("GET", f"/_mock/orders/{order}").json["refund_requests"])


def lost(wire: Wire, order: str) -> None:
    """Ask for a refund, and be left without an answer."""
    with pytest.raises((http.client.HTTPException, OSError)):
        wire.refund(order)
    wire.connection.close()


def test_a_list_of_steps_is_followed_for_that_order_alone(wire: Wire, order: str) -> None:
    other = wire.ids("not_paid")[0]
    script(wire, order, [503, 503, "ok"])
    first = wire.refund(order)
    assert (first.status, first.headers["retry-after"]) == (503, "1")
    assert wire.refund(other).short == (400, [15030])
    left = wire.ask("GET", f"/_mock/orders/{order}/script").json["steps"]
    assert [step["answer"] for step in left] == [503, "ok"]
    assert [wire.refund(order).status for _ in range(3)] == [503, 200, 400]
    assert len(requests(wire, order)) == 1


@pytest.mark.parametrize(
    "answer", ["lost", {"answer": "reset", "effect": True}, {"answer": "cut", "effect": True}]
)
def test_an_answer_is_lost_after_the_refund_request_was_created(wire: Wire, order: str, answer: Any) -> None:
    script(wire, order, [answer])
    lost(wire, order)
    assert len(requests(wire, order)) == 1
    assert wire.refund(order).short == (400, [15050])


@pytest.mark.parametrize("answer", ["close", "reset", "cut", "garbage"])
def test_a_broken_answer_without_an_effect(wire: Wire, order: str, answer: str) -> None:
    script(wire, order, [answer])
    lost(wire, order)
    assert requests(wire, order) == []
    assert wire.refund(order).status == 200


def test_no_answer_at_all(wire: Wire, order: str) -> None:
    script(wire, order, ["hang"])
    with Wire(wire.mock) as hasty:
        hasty.connection.timeout = 0.3
        lost(hasty, order)
    assert wire.refund(order).status == 200


def test_delays_stand_before_or_after_the_effect(wire: Wire, order: str) -> None:
    for name, there in (("before", 0), ("after", 1)):
        (made,) = wire.ask("POST", "/_mock/orders").json["orders"]
        script(wire, made, [{name: 0.6}])
        with Wire(wire.mock) as slow:
            slow.connection.timeout = 0.3
            lost(slow, made)
        assert len(requests(wire, made)) == there
        deadline = time.monotonic() + 10
        while not requests(wire, made):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_error_of_the_contract_and_a_status_with_an_effect(wire: Wire, order: str) -> None:
    script(wire, order, [15000, "revoked", "expired", {"answer": 504, "effect": True}])
    assert [wire.refund(order).short for _ in range(3)] == [(400, [15000]), (401, [1007]), (401, [1009])]
    assert wire.refund(order).status == 504
    assert wire.refund(order).short == (400, [15050])


def test_a_refund_request_may_move_on_at_once(wire: Wire, order: str) -> None:
    script(wire, order, [{"answer": "lost", "advance": "completed"}])
    lost(wire, order)
    assert [row["progress"] for row in requests(wire, order)] == ["completed"]
    assert wire.refund(order).status == 200
    assert len(requests(wire, order)) == 2


def test_a_script_of_one_caller(wire: Wire, order: str) -> None:
    assert wire.ask("PUT", "/_mock/callers/other-merchant/script", [{"answer": 502, "times": 2}]).status == 200
    theirs = wire.headers(wire.token("other_merchant_token"))
    assert wire.refund(order).status == 200
    assert [wire.refund(order, headers=theirs).status for _ in range(3)] == [502, 502, 404]


def test_a_script_of_one_caller_for_one_order(wire: Wire, order: str) -> None:
    script(wire, order, {"steps": [502], "caller": "other-merchant"})
    theirs = wire.headers(wire.token("other_merchant_token"))
    assert wire.refund(order).status == 200
    assert [wire.refund(order, headers=theirs).status for _ in range(2)] == [502, 404]


def test_the_journal_tells_what_the_client_got_and_what_was_done(wire: Wire, order: str) -> None:
    script(wire, order, ["lost", 503])
    lost(wire, order)
    wire.refund(order)
    entries = wire.ask("GET", f"/_mock/requests?order={order}").json["requests"]
    assert [(entry["status"], entry["check"], entry["reason"]) for entry in entries] == [
        (0, "script", "script: lost; carried out with 200"),
        (503, "script", "script: 503; not carried out"),
    ]


def test_scripts_are_forgotten(wire: Wire, order: str) -> None:
    script(wire, order, [503])
    assert wire.ask("DELETE", f"/_mock/orders/{order}/script").json == {"steps": []}
    assert wire.refund(order).status == 200


def test_a_reset_forgets_scripts_and_revoked_tokens(wire: Wire) -> None:
    order = wire.ids("zero_price")[0]
    script(wire, order, [503])
    token = wire.ask("POST", "/_mock/tokens").json["token"]
    assert wire.ask("POST", "/_mock/tokens/revoke", {"token": token}).status == 200
    assert wire.ask("POST", "/_mock/reset").status == 200
    assert wire.refund(order, headers=wire.headers(token)).short == (400, [15040])


def test_one_token_is_revoked_and_no_other(wire: Wire) -> None:
    order = wire.ids("not_paid")[0]
    token = wire.ask("POST", "/_mock/tokens", {"seconds": 1000}).json["token"]
    assert wire.ask("POST", "/_mock/tokens/revoke", {"token": token}).json == {"revoked": True}
    assert wire.refund(order, headers=wire.headers(token)).short == (401, [1007])
    assert wire.refund(order).short == (400, [15030])
    assert wire.ask("POST", "/_mock/tokens/revoke", {"token": token}).status == 400


@pytest.mark.parametrize(
    "steps",
    [
        "ok",
        {"steps": "ok"},
        {"steps": [503] * 101},
        ["nonsense"],
        [12],
        [True],
        [200],
        [[503]],
        [{"answer": "ok", "effect": False}],
        [{"answer": 503, "effect": 1}],
        [{"answer": 503, "advance": "completed"}],
        [{"advance": "new"}],
        [{"advance": ["completed"]}],
        [{"before": -1}],
        [{"after": 1e9}],
        [{"times": 0}],
        [{"retry_after": 0.5}],
        [{"colour": "red"}],
        {"steps": [], "caller": 1},
    ],
)
def test_what_is_no_script_is_refused_in_words(wire: Wire, order: str, steps: Any) -> None:
    reply = wire.ask("PUT", f"/_mock/orders/{order}/script", steps)
    assert reply.status == 400
    assert reply.json["error"]
