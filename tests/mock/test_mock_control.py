"""The control API makes orders, moves refund requests along, tells what was received, and changes settings."""

from collections.abc import Iterator
from typing import Any

import pytest
from mock_wire import VALID, Wire

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings, is_loopback

pytestmark = pytest.mark.whole


@pytest.fixture
def wire() -> Iterator[Wire]:
    with running(MockSettings(rehearsal=True)) as mock, Wire(mock) as wire:
        yield wire


STATES: dict[str, tuple[int, list[int]]] = {
    "refundable": (200, []),
    "not_paid": (400, [15030]),
    "deleted": (400, [15030]),
    "zero_price": (400, [15040]),
    "refund_new": (400, [15050]),
    "refund_processing": (400, [15050]),
    "refund_finished": (200, []),
    "refund_refused": (200, []),
    "foreign": (404, [15060]),
    "unknown": (404, [15060]),
}


@pytest.mark.parametrize("path", ["/_mock/orders", "/_mock/states"])
def test_orders_are_made_in_every_state(wire: Wire, path: str) -> None:
    seen: set[str] = set()
    for state, answer in STATES.items():
        made = wire.ask("POST", path, {"state": state, "count": 3}).json["orders"]
        assert len(made) == 3
        assert all(isinstance(order, str) for order in made)
        assert not seen & set(made)
        seen.update(made)
        assert [wire.refund(order).short for order in made] == [answer] * 3
    assert set(wire.ask("GET", "/_mock").json["states"]) == set(STATES)


def test_a_provider_state_may_come_with_what_tools_add(wire: Wire) -> None:
    document = {"consumer": "shop", "state": "zero_price", "params": {"count": 2}, "action": "setup"}
    assert len(wire.ask("POST", "/_mock/states", document).json["orders"]) == 2


def test_a_refund_request_lives_and_ends(wire: Wire) -> None:
    part, full, refused = wire.ask("POST", "/_mock/orders", {"count": 3}).json["orders"]
    for order in (part, full, refused):
        assert wire.refund(order).status == 200
    assert wire.ask("POST", f"/_mock/orders/{part}/advance").json["refund_requests"][0]["progress"] == "processing"
    assert wire.refund(part).short == (400, [15050])
    wire.ask("POST", f"/_mock/orders/{part}/advance", {"to": "completed"})
    assert wire.refund(part).short == (200, [])
    wire.ask("POST", f"/_mock/orders/{full}/advance", {"to": "completed", "extent": "full"})
    assert wire.refund(full).short == (400, [15030])
    wire.ask("POST", f"/_mock/orders/{refused}/advance", {"to": "refused"})
    assert wire.refund(refused).short == (200, [])
    again = wire.ask("POST", f"/_mock/orders/{full}/advance")
    assert again.status == 400
    assert "no open refund request" in again.json["error"]


@pytest.mark.parametrize("description", ["Wrong product", "😀\u05e9\u0301\n", "\0", "\ud800"])
def test_what_was_received_can_be_read_back(wire: Wire, description: str) -> None:
    order = wire.ids("refundable")[0]
    assert wire.refund(order, {**VALID, "description": description}).status == 200
    told = wire.ask("GET", f"/_mock/orders/{order}").json
    assert told["status"] == "paid"
    (request,) = told["refund_requests"]
    assert (request["email"], request["description"]) == (VALID["email"], description)


def test_the_journal_tells_which_check_refused_and_why(wire: Wire) -> None:
    wire.refund(wire.ids("not_paid")[0])
    wire.refund(wire.ids("refundable")[0], headers=[])
    wire.refund(wire.ids("refundable")[0], body=b"{")
    wire.refund(wire.ids("refundable")[0], {"description": 1})
    wire.refund(wire.ids("refundable")[0])
    wire.send("POST", "/v1/login_check", [("Content-Type", "application/json")], b'{"password": "hush"}')
    reply = wire.ask("GET", "/_mock/requests")
    entries = reply.json["requests"]
    assert [(entry["check"], entry["codes"], entry["status"]) for entry in entries] == [
        ("state", [15030], 400),
        ("authorization", [1008], 401),
        ("json", [110], 400),
        ("fields", [15010, 15010], 400),
        ("", [], 200),
        ("fields", [15010], 400),
    ]
    assert "not paid" in entries[0]["reason"]
    assert "description, email" in entries[3]["reason"]
    assert entries[0]["body"]
    assert wire.token().encode() not in reply.body
    assert b"hush" not in reply.body
    assert wire.ask("DELETE", "/_mock/requests").json == {"requests": []}
    assert wire.ask("GET", "/_mock/requests").json == {"requests": []}


def test_settings_are_changed_and_reset(wire: Wire) -> None:
    order = wire.ids("not_paid")[0]
    changed = wire.ask(
        "PUT", "/_mock/settings", {"faults": ["errors-all-200"], "answers": {"bearer-case": "accepted"}}
    )
    assert changed.json["faults"] == ["errors-all-200"]
    assert wire.refund(order).short == (200, [15030])
    assert wire.ask("PUT", "/_mock/settings", {"faults": []}).json["answers"] == {"bearer-case": "accepted"}
    assert wire.refund(order).short == (400, [15030])
    wire.ask("PUT", "/_mock/settings", {"rate_limit": 1})
    assert 429 in [wire.refund(order).status for _ in range(3)]
    assert wire.ask("POST", "/_mock/reset").status == 200
    assert wire.ask("GET", "/_mock/settings").json == {
        "delay": 0.0,
        "rate_limit": None,
        "faults": [],
        "variants": [],
        "answers": {},
    }


def test_a_reset_puts_orders_back_and_keeps_tokens(wire: Wire) -> None:
    order = wire.ids("refundable")[0]
    assert wire.refund(order).status == 200
    wire.ask("POST", "/_mock/reset")
    assert wire.refund(order).short == (200, [])


def test_a_fault_that_drops_the_rule_leaves_it_restored(wire: Wire) -> None:
    order = wire.ids("refundable")[0]
    wire.ask("PUT", "/_mock/settings", {"faults": ["lifecycle-latest-only"]})
    other = wire.ids("refundable")[1]
    assert [wire.refund(id_).status for id_ in (order, other, order)] == [200, 200, 200]
    assert wire.ask("PUT", "/_mock/settings", {"faults": []}).status == 200
    progress = [row["progress"] for row in wire.ask("GET", f"/_mock/orders/{order}").json["refund_requests"]]
    assert progress == ["new", "refused"]
    assert wire.refund(order).short == (400, [15050])


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", "/_mock/orders", {"state": "nonsense"}),
        ("POST", "/_mock/orders", {"count": 0}),
        ("POST", "/_mock/orders", {"count": True}),
        ("POST", "/_mock/orders", {"colour": "red"}),
        ("POST", "/_mock/orders", []),
        ("GET", "/_mock/orders/1", None),
        ("POST", "/_mock/orders/1/advance", {"to": "nowhere"}),
        ("POST", "/_mock/orders/1/advance", {"to": ["new"]}),
        ("PUT", "/_mock/settings", {"faults": ["no-such-fault"]}),
        ("PUT", "/_mock/settings", {"faults": "auth-alg-none"}),
        ("PUT", "/_mock/settings", {"answers": {"bearer-case": "perhaps"}}),
        ("PUT", "/_mock/settings", {"delay": -1}),
        ("PUT", "/_mock/settings", {"rate_limit": 0}),
        ("POST", "/_mock/tokens", {"user": "nobody"}),
        ("POST", "/_mock/tokens", {"user": ["merchant"]}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(wire: Wire, method: str, path: str, document: Any) -> None:
    reply = wire.ask(method, path, document)
    assert reply.status == 400
    assert reply.json["error"]


def test_tokens_are_issued_with_any_life(wire: Wire) -> None:
    order = wire.ids("not_paid")[0]
    alive = wire.ask("POST", "/_mock/tokens", {"seconds": 60}).json["token"]
    expired = wire.ask("POST", "/_mock/tokens", {"seconds": -60}).json["token"]
    assert wire.refund(order, headers=wire.headers(alive)).short == (400, [15030])
    assert wire.refund(order, headers=wire.headers(expired)).short == (401, [1009])


def test_each_error_can_be_rehearsed_by_its_order(wire: Wire) -> None:
    rehearsal = wire.ask("GET", "/_mock").json["rehearsal"]
    for code, order in rehearsal.items():
        reply = wire.refund(order)
        if int(code) < 1000 and int(code) > 400:
            assert reply.status == int(code)
        else:
            assert reply.codes == [int(code)]
    assert {"15030", "15050", "1009", "500", "429"} <= set(rehearsal)


def test_an_empty_body_and_a_broken_one(wire: Wire) -> None:
    typed = [("Content-Type", "application/json")]
    assert wire.send("POST", "/_mock/orders", (), b"").status == 200
    assert wire.send("POST", "/_mock/orders", typed, b"{").status == 400
    assert wire.send("POST", "/_mock/orders", typed, b"[" * 60_000).status == 400
    assert wire.send("POST", "/_mock/orders", typed, b" " * 70_000).status == 413


@pytest.mark.parametrize(
    ("settings", "is_there"),
    [
        (MockSettings(), True),
        (MockSettings(control=False), False),
        (MockSettings(host="0.0.0.0"), False),  # noqa: S104  (which is the point)
    ],
)
def test_it_is_off_unless_asked_for_beyond_loopback(settings: MockSettings, is_there: bool) -> None:
    with running(settings) as mock, Wire(mock) as wire:
        status = wire.ask("GET", "/_mock").status
    assert status == (200 if is_there else 404)
    assert MockSettings(host="0.0.0.0", control=True).has_control  # noqa: S104


def test_loopback_is_told_from_the_rest() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com")))  # noqa: S104


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": ""},
        {"Host": "[nonsense"},
        {"Host": "mock"},
        {"Host": "10.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/_mock/reset"), ("GET", "/_mock/requests")])
def test_a_web_page_cannot_use_it(wire: Wire, headers: dict[str, str], method: str, path: str) -> None:
    order = wire.ids("refundable")[0]
    assert wire.refund(order).status == 200
    connection = wire.fresh()
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert b"error" in answer.read()
    connection.close()
    assert wire.refund(order).short == (400, [15050])


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"]
)
def test_its_bodies_are_json_by_their_type(wire: Wire, content_type: str) -> None:
    headers = [("Content-Type", content_type)] if content_type else []
    assert wire.send("POST", "/_mock/orders", headers, b'{"count": 1}').status == 415


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
def test_this_machine_may_use_it_by_any_of_its_names(wire: Wire, host: str) -> None:
    connection = wire.fresh()
    connection.request("GET", "/_mock", headers={"Host": host, "Origin": f"http://{host}"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    ("host", "status"), [("mock:8080", 200), ("10.0.0.1", 200), ("[fe80::1]", 200), ("evil.example", 403)]
)
def test_beyond_loopback_names_that_no_one_can_register_do(host: str, status: int) -> None:
    with running(MockSettings(host="0.0.0.0", control=True)) as mock, Wire(mock) as wire:  # noqa: S104
        connection = wire.fresh()
        connection.request("GET", "/_mock", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, f"/_mock/orders/{id_}{more}")
        for method, more in (("GET", ""), ("POST", "/advance"), ("PUT", "/script"))
        for id_ in (str(2**63), str(2**64), HUGE, "0", "-1", "1.5", "%EF%BC%91", "abc", "%00", "1%0A")
    ],
)
def test_an_id_that_can_be_none_is_refused(wire: Wire, method: str, path: str) -> None:
    reply = wire.ask(method, path, {} if method != "PUT" else ["ok"])
    assert reply.status == 404, reply.body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        *(
            ("PUT", "/_mock/settings", f'{{"{name}": {value}}}')
            for name in ("rate_limit", "delay")
            for value in ("1e-320", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", HUGE, "true", '"1"', "[1]")
            if (name, value) != ("delay", "1e-320")
        ),
        *(
            ("POST", "/_mock/tokens", f'{{"seconds": {value}}}')
            for value in ("NaN", "1e400", "1e300", HUGE, "true", '"1"')
        ),
        ("POST", "/_mock/orders", f'{{"count": {HUGE}}}'),
        ("POST", "/_mock/orders", '{"count": 1e400}'),
        ("POST", "/_mock/orders", r'{"state": "\ud800"}'),
        ("POST", "/_mock/orders", r'{"\ud800": 1}'),
        ("PUT", "/_mock/settings", r'{"faults": ["\ud800"]}'),
        ("PUT", "/_mock/settings", r'{"answers": {"\ud800": "\udfff"}}'),
        ("POST", "/_mock/tokens", r'{"user": "\ud800"}'),
        ("POST", "/_mock/tokens/revoke", r'{"token": "\ud800"}'),
        ("POST", "/_mock/tokens/revoke", '{"token": 1}'),
    ],
)
def test_odd_values_are_refused_in_words(wire: Wire, method: str, path: str, body: str) -> None:
    reply = wire.send(method, path, [("Content-Type", "application/json")], body.encode())
    assert reply.status == 400, reply.body
    assert reply.json["error"]


def test_faults_that_do_not_go_together_are_refused_in_words(wire: Wire) -> None:
    reply = wire.ask("PUT", "/_mock/settings", {"faults": ["answer-hangs-on-state", "answer-cut"]})
    assert (reply.status, reply.json["error"]) == (
        400,
        "answer-hangs-on-state, answer-cut: do not go together in this order",
    )
    assert wire.ask("PUT", "/_mock/settings", {"faults": ["answer-cut", "answer-hangs-on-state"]}).status == 200


def test_the_journal_has_no_secrets(wire: Wire) -> None:
    token = wire.token()
    head, payload, signature = token.split(".")
    connection = wire.fresh()
    for path in (f"/v1/order/1/refund/{token}", f"/v1/order/{head}.{payload}/refund", "/v1/x;api_token=hushhush"):
        connection.request("POST", path, b'{"password": "hushhush"}', {"X-Api-Key": "hushhush", "Referer": token})
        connection.getresponse().read()
    connection.close()
    body = wire.ask("GET", "/_mock/requests").body.decode()
    assert len(wire.ask("GET", "/_mock/requests").json["requests"]) == 3
    for secret in (payload, signature, "hushhush"):
        assert secret not in body
    assert body.count("[redacted]") >= 3 * 3
