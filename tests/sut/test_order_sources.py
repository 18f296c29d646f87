"""Sources of orders: a hook, or the platform's search, beside what is listed; and who is told our token."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refund_conformance.contract import model as contracts
from refund_conformance.contract.errors import SettingsError, TargetError
from refund_conformance.mock.samples import MERCHANT, PASSWORDS
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.sut import settings as target_settings
from refund_conformance.sut.ledger import open_ledger
from refund_conformance.sut.order_sources import LOOKS, SEARCHED, OrderData, order_data, with_orders
from refund_conformance.sut.profile import PROFILES
from refund_conformance.sut.settings import GROUPS, HOOK, SEARCH, Settings
from stand_in import Asked, Told, standing_in

CONTRACT = contracts.load()
CI, NIGHTLY = PROFILES["ci"], PROFILES["nightly"]

Answer = tuple[int, Any]
Script = Callable[[str, str, Any], Answer]
"""Takes method, path and JSON body; returns a status, and what to answer as JSON, or as it is if it is bytes."""


@dataclass(frozen=True)
class Scripted:
    """A server that plays a script, and what it was asked: method, path, headers and body."""

    url: str
    asked: list[tuple[str, str, Mapping[str, str], Any]]


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    kept: list[tuple[str, str, Mapping[str, str], Any]] = []

    def answer(asked: Asked) -> Told:
        kept.append((asked.method, asked.path, asked.headers, asked.document))
        status, told = script(asked.method, asked.path, asked.document)
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return Told(status, body, {"Location": "/elsewhere"} if 300 <= status < 400 else {})

    with standing_in(answer) as url:
        yield Scripted(url, kept)


def settings_for(url: str, **orders: Any) -> Settings:
    """Return settings with a token of ours, for a target without any other."""
    data = {"target": {"base_url": url}, "auth": {"token": "our-own-token"}, "orders": orders}
    return target_settings.parse(data, "target.toml", CONTRACT, {})


def of_mock(mock: RunningMock, **orders: Any) -> Settings:
    """Return settings for a mock with other orders than its own."""
    data = tomllib.loads(mock.target_toml())
    data["orders"] = orders
    return target_settings.parse(data, "target.toml", CONTRACT, {})


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(refundable=60)) as mock:
        yield mock


def test_a_list_is_taken_as_it_is_and_nobody_is_asked() -> None:
    settings = settings_for("http://127.0.0.1:9", refundable=["1"])
    assert with_orders(settings, CONTRACT, CI) is settings


# ---- the hook


def states(mock: RunningMock) -> str:
    return f"{mock.base_url}/_mock/states"


def test_a_hook_gives_orders_of_every_group_in_that_state(mock: RunningMock) -> None:
    found = with_orders(of_mock(mock, source=HOOK, hook=states(mock)), CONTRACT, CI).orders
    assert {group: len(orders) for group, orders in found.items()} == {
        **dict.fromkeys(GROUPS, 3),
        "refundable": CI.orders,
    }
    made = mock.mock.upkeep.tell(int(found["not_paid"][0]))
    assert made["status"] == "not paid"
    assert mock.mock.upkeep.tell(int(found["refund_new"][2]))["refund_requests"][0]["progress"] == "new"
    assert len({order for orders in found.values() for order in orders}) == CI.orders + 7 * 3


@pytest.mark.parametrize(("profile", "bound", "asked"), [(CI, None, 30), (NIGHTLY, None, 200), (NIGHTLY, 12, 12)])
def test_it_is_asked_for_as_many_as_the_run_may_lease(profile: Any, bound: int | None, asked: int) -> None:
    with scripted(lambda method, path, body: (200, {"orders": []})) as hook:
        settings = replace(settings_for(hook.url, source=HOOK, hook=f"{hook.url}/states"), max_orders=bound)
        with_orders(settings, CONTRACT, profile)
    assert {body["state"]: body["count"] for _, _, _, body in hook.asked} == {
        **dict.fromkeys(GROUPS, 3),
        "refundable": asked,
    }
    assert {(method, path) for method, path, _, _ in hook.asked} == {("POST", "/states")}


def test_what_is_listed_wins_and_is_not_asked_for(mock: RunningMock) -> None:
    settings = of_mock(mock, source=HOOK, hook=states(mock), not_paid=["610001"], unknown=["999"])
    found = with_orders(settings, CONTRACT, CI).orders
    assert (found["not_paid"], found["unknown"]) == (("610001",), ("999",))
    assert len(found["zero_price"]) == 3
    with scripted(lambda method, path, body: (200, {"orders": [1]})) as hook:
        listed = {group: [f"x{number}"] for number, group in enumerate(GROUPS)}
        with_orders(settings_for(hook.url, source=HOOK, hook=hook.url, **listed), CONTRACT, CI)
    assert hook.asked == []


@pytest.mark.parametrize("status", [400, 404])
def test_a_group_that_it_does_not_know_stays_unset(status: int) -> None:
    def script(method: str, path: str, body: Any) -> Answer:
        known = {"refundable": ["1", 2], "foreign": []}
        return (200, {"orders": known[body["state"]], "more": 1}) if body["state"] in known else (status, {})

    with scripted(script) as hook:
        found = with_orders(settings_for(hook.url, source=HOOK, hook=hook.url), CONTRACT, CI).orders
    assert found == {"refundable": ("1", "2")}


BAD: Mapping[str, tuple[Answer, str]] = {
    "no-state-known": ((404, {}), "knows none of the states refundable, not_paid"),
    "broken": ((500, {}), "answered 500 for the state refundable"),
    "not-allowed": ((401, {}), "answered 401"),
    "redirect": ((302, {"orders": ["1"]}), "answered 302"),
    "no-json": ((200, b"orders"), "did not answer as"),
    "no-object": ((200, ["1"]), "did not answer as"),
    "another-member": ((200, {"ids": ["1"]}), "did not answer as"),
    "no-list": ((200, {"orders": "1"}), "did not answer as"),
    "no-ids": ((200, {"orders": [True]}), "did not answer as"),
    "path-in-an-id": ((200, {"orders": ["1/refund?x"]}), "did not answer as"),
    "long-id": ((200, {"orders": ["1" * 201]}), "did not answer as"),
    "same-order-again": ((200, {"orders": ["1"]}), "gave order 1 as not_paid, which is refundable already"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_makes_no_sense_is_a_target_error(name: str) -> None:
    answer, why = BAD[name]
    with (
        scripted(lambda method, path, body: answer) as hook,
        pytest.raises(TargetError) as caught,
    ):
        with_orders(settings_for(hook.url, source=HOOK, hook=f"{hook.url}/states?key=hidden"), CONTRACT, CI)
    assert why in caught.value.why
    assert caught.value.remedy
    assert "hidden" not in str(caught.value)
    assert {path for _, path, _, _ in hook.asked} == {"/states?key=hidden"}


def test_a_hook_that_is_not_there_is_a_target_error() -> None:
    with pytest.raises(TargetError, match="gave no answer"):
        with_orders(
            settings_for("http://127.0.0.1:9", source=HOOK, hook="http://127.0.0.1:9/states"), CONTRACT, CI
        )


def test_it_is_asked_again_only_after_too_many_requests() -> None:
    statuses = iter([429, *[200] * 8])
    with scripted(lambda method, path, body: (next(statuses), {"orders": []})) as hook:
        with_orders(settings_for(hook.url, source=HOOK, hook=hook.url), CONTRACT, CI)
    assert [body["state"] for _, _, _, body in hook.asked] == ["refundable", *GROUPS]


def test_a_hook_on_the_targets_own_host_is_told_the_token() -> None:
    with scripted(lambda method, path, body: (200, {"orders": []})) as hook:
        with_orders(settings_for(f"{hook.url}/api", source=HOOK, hook=f"{hook.url}/states"), CONTRACT, CI)
    assert {headers["authorizationjwt"] for _, _, headers, _ in hook.asked} == {"Bearer our-own-token"}


@pytest.mark.parametrize("by_password", [False, True], ids=["token", "password"])
def test_a_hook_on_another_host_is_told_no_secret(mock: RunningMock, by_password: bool) -> None:
    with scripted(lambda method, path, body: (200, {"orders": []})) as hook:
        settings = of_mock(mock, source=HOOK, hook=f"{hook.url}/states")
        if by_password:
            settings = replace(settings, tokens={}, username=MERCHANT, password=PASSWORDS[MERCHANT])
        mock.mock.journal.clear()
        with_orders(settings, CONTRACT, CI)
    told = json.dumps(hook.asked)
    assert len(hook.asked) == len(GROUPS)
    assert "authorizationjwt" not in told
    assert not any(secret in told for secret in settings.secrets)
    assert mock.mock.journal.entries() == []


@pytest.mark.parametrize("host", ["api.ecommerce.noventiq.com", "API.Ecommerce.Noventiq.com:443"])
def test_a_hook_on_a_production_host_is_refused_before_it_is_asked(host: str) -> None:
    settings = settings_for("http://127.0.0.1:9", source=HOOK, hook=f"https://{host}/states")
    with pytest.raises(SettingsError, match=r"orders.hook: its host is denied"):
        with_orders(settings, CONTRACT, CI)


# ---- the settings


@pytest.mark.parametrize(
    ("orders", "why"),
    [
        ({"source": "elsewhere"}, "'elsewhere' is not one of"),
        ({"source": "hook"}, "orders.hook: is not set"),
        ({"hook": "https://staging.example/states"}, "is set, but orders.source is 'list'"),
        ({"source": "search", "hook": "https://staging.example/states"}, "is set, but orders.source is 'search'"),
        ({"source": "hook", "hook": "staging.example/states?key=hidden"}, "is no http or https URL"),
        ({"source": "hook", "hook": "https://user:hidden@staging.example"}, "is no http or https URL"),
        ({"source": "hook", "hook": "https://staging.example:hidden/states"}, "is no http or https URL"),
        ({"source": "hook", "hook": "https://staging.example:0/states"}, "is no http or https URL"),
        ({"source": "hook", "hook": "https://staging.example/states#hidden"}, "is no http or https URL"),
        ({"source": "hook", "hook": "https://?hidden"}, "is no http or https URL"),
        ({"source": "hook", "hook": ""}, "non-empty"),
    ],
)
def test_a_source_that_cannot_be_is_refused_without_telling_the_hook(orders: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_for("https://staging.example", **orders)
    assert why in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.remedy


def test_the_hook_is_not_in_the_representation_of_the_settings() -> None:
    hook = "https://staging.example/states?key=hidden"
    assert "hidden" not in repr(settings_for("https://staging.example", source=HOOK, hook=hook))


# ---- the search


def test_a_search_finds_what_the_data_of_orders_decide(mock: RunningMock) -> None:
    found = with_orders(of_mock(mock, source=SEARCH), CONTRACT, CI).orders
    groups = mock.mock.samples.groups
    assert found.keys() == set(SEARCHED)
    assert len(found["refundable"]) == CI.orders
    for group, orders in found.items():
        assert {int(order) for order in orders} <= set(groups[group]), group
        assert len(orders) == (CI.orders if group == "refundable" else 3), group


def test_a_search_has_no_effect(mock: RunningMock) -> None:
    mock.mock.journal.clear()
    with_orders(of_mock(mock, source=SEARCH), CONTRACT, CI)
    asked = {(entry["method"], str(entry["path"]).rsplit("/", 1)[0]) for entry in mock.mock.journal.entries()}
    assert asked == {("GET", "/v1/order"), ("POST", "/v1/order")}


def test_orders_of_the_ledger_are_not_found_as_refundable_again(mock: RunningMock, tmp_path: Path) -> None:
    settings = replace(of_mock(mock, source=SEARCH), ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    first = with_orders(settings, CONTRACT, CI).orders
    ledger = open_ledger(str(settings.ledger), settings.base_url, "a run before")
    for order in first["refundable"][:20]:
        assert ledger.lease("refundable", [order], 100) == order
    assert ledger.lease("refund_finished", first["refund_finished"], 100)
    ledger.close()
    second = with_orders(settings, CONTRACT, CI).orders
    assert len(second["refundable"]) == CI.orders
    assert not set(first["refundable"][:20]) & set(second["refundable"])
    assert first["refund_finished"][0] not in second["refund_finished"]


def test_an_order_that_is_listed_is_not_found_in_another_group(mock: RunningMock) -> None:
    paid = [str(order) for order in mock.mock.samples.groups["refundable"][:5]]
    found = with_orders(of_mock(mock, source=SEARCH, foreign=paid), CONTRACT, CI).orders
    assert found["foreign"] == tuple(paid)
    assert not set(paid) & set(found["refundable"])


def test_listed_groups_are_not_searched_for() -> None:
    with scripted(lambda method, path, body: (200, {"ids": []})) as target:
        listed = {group: [f"{group}-1"] for group in SEARCHED}
        settings = settings_for(target.url, source=SEARCH, **listed)
        assert with_orders(settings, CONTRACT, CI) is settings
    assert target.asked == []


def order(status: str = "paid", price: str = "10.00", **more: Any) -> dict[str, Any]:
    return {"order_id": 1, "status": status, "products": [{"price": price, "quantity": 2}], **more}


def platform(orders: Mapping[str, Any], paid: list[Any], unpaid: list[Any]) -> Script:
    """Return the script of a platform that has these orders' data, and these ids to find."""

    def script(method: str, path: str, body: Any) -> Answer:
        if method == "POST":
            return 200, {"ids": {"paid": paid, "not paid": unpaid}[body["status"]]}
        data = orders.get(path.rpartition("/")[2])
        return (200, data) if data is not None else (404, {"errors": [{"error": 15020, "message": "Not found."}]})

    return script


def test_what_cannot_be_decided_is_not_taken() -> None:
    orders = {
        "1": order(),
        "2": order(price="10,00"),
        "3": {"status": "paid"},
        "4": order(status="deleted"),
        "5": order(note="Refund info is being updated"),
        "6": order(price="0.00"),
        "7": [order()],
        "9": order(status="not paid"),
        "10": order(),
    }
    with scripted(platform(orders, [1, "2", 3, 4, 5, 6, 7, 8], ["9", "10"])) as target:
        found = with_orders(settings_for(target.url, source=SEARCH), CONTRACT, CI).orders
    assert found == {
        "refundable": ("1", "10"),
        "not_paid": ("4", "9"),
        "refund_processing": ("5",),
        "zero_price": ("6",),
    }


def test_a_search_looks_at_no_more_than_so_many_orders() -> None:
    ids = [str(number) for number in range(1, 2 * LOOKS)]
    orders = {id_: order(note="Refund request has been sent") for id_ in ids}
    with scripted(platform(orders, ids, [])) as target:
        found = with_orders(settings_for(target.url, source=SEARCH), CONTRACT, CI).orders
    assert found == {"refund_new": ("1", "2", "3")}
    assert LOOKS < len(target.asked) < LOOKS + 50


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, {"errors": []}), "was answered with 404"),
        ((302, {"ids": []}), "was answered with 302"),
        ((200, {"ids": "1"}), "did not answer as"),
        ((401, {"errors": [{"error": 1009}]}), r"refuses our own token (1009) for POST /v1/order/search"),
    ],
)
def test_a_target_without_a_search_is_a_target_error(answer: Answer, why: str) -> None:
    with scripted(lambda method, path, body: answer) as target, pytest.raises(TargetError) as caught:
        with_orders(settings_for(target.url, source=SEARCH), CONTRACT, CI)
    assert why in str(caught.value)
    assert caught.value.remedy


# ---- an order's data

PAID = OrderData("paid", Decimal(5))
OPEN = replace(PAID, open="refund_new")
FREE = replace(PAID, price=Decimal(0))


@pytest.mark.parametrize(
    ("data", "fits", "group"),
    [
        (PAID, {"refundable": True, "refund_finished": True}, "refundable"),
        (replace(PAID, refunded=True), {"refundable": True, "refund_finished": True}, "refund_finished"),
        (OPEN, {"refund_new": True}, "refund_new"),
        (replace(OPEN, open="refund_processing"), {"refund_processing": True}, "refund_processing"),
        (replace(OPEN, price=None), {"refund_new": True}, "refund_new"),
        (FREE, {"zero_price": True}, "zero_price"),
        (replace(PAID, price=None), {"refundable": None, "refund_finished": None, "zero_price": None}, None),
        (replace(PAID, status="not paid"), {"not_paid": True}, "not_paid"),
        (replace(OPEN, status="deleted"), {"not_paid": True}, "not_paid"),
    ],
)
def test_an_order_is_in_one_state(data: OrderData, fits: dict[str, bool | None], group: str | None) -> None:
    assert {name: data.fits(name) for name in SEARCHED if data.fits(name) is not False} == fits
    assert data.group == group


@pytest.mark.parametrize(
    ("products", "price"),
    [
        ([{"price": "10.50", "quantity": 2}], Decimal("21.00")),
        ([{"price": 10}, {"price": "0.49", "quantity": "1"}], Decimal("10.49")),
        ([{"price": "100.00", "amount": "0.00", "quantity": 1}], Decimal(0)),
        ({"price": "3"}, Decimal(3)),
        ([{"price": "10"}, {"quantity": 1}], None),
        ([{"price": "-10"}], None),
        ([{"price": "1e400"}], None),
        ([{"price": True}], None),
        (["10"], None),
        ([], None),
        ("10", None),
    ],
)
def test_a_price_is_what_the_products_cost_or_not_known(products: Any, price: Decimal | None) -> None:
    data = order_data(json.dumps({"status": "paid", "products": products}).encode())
    assert data is not None
    assert data.price == price


@pytest.mark.parametrize("where", ["additional_status", "statuses", "refund"])
def test_the_additional_status_counts_wherever_it_stands(where: str) -> None:
    text = "Refund request has been sent"
    values: dict[str, Any] = {
        "additional_status": text,
        "statuses": ["x", text],
        "refund": {"state": {"text": text}},
    }
    data = order_data(json.dumps({**order(), where: values[where]}).encode())
    assert data is not None
    assert data.group == "refund_new"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["status", "products", "price", "quantity", "amount", "refund"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_data_of_an_order_make_trouble(value: Any) -> None:
    data = order_data(json.dumps(value).encode())
    if data is not None:
        assert {data.fits(group) for group in SEARCHED} <= {True, False, None}
