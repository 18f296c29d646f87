"""A mock starts, tells of itself, keeps its pace and its data, and stops."""

import socket
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mock_wire import Wire, many_wires

from refund_conformance.contract import documents
from refund_conformance.contract.errors import SettingsError, UsageError
from refund_conformance.contract.openapi import openapi
from refund_conformance.mock.banner import announcement
from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings


def test_its_target_settings_fit_the_schema(wire: Wire) -> None:
    documents.check(wire.target, "target", "target.toml", SettingsError)
    assert len(wire.ids("refundable")) == 200
    assert wire.ids("refundable")[0] == "730001"
    schema = documents.validator("target").schema
    assert isinstance(schema, dict)
    groups = schema["properties"]["orders"]["properties"]
    assert set(wire.target["orders"]) == {name for name, row in groups.items() if row.get("$ref") == "#/$defs/ids"}


def test_the_announcement_has_settings_and_curl(wire: Wire) -> None:
    assert isinstance(wire.mock, RunningMock)
    text = announcement(wire.mock.mock, wire.mock.base_url)
    assert wire.mock.base_url in text
    assert tomllib.loads(text)["orders"] == wire.target["orders"]
    assert "curl" in text
    assert "[orders]" in text


def test_it_listens_on_a_given_port_and_names_one_that_is_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=str(port)), running(MockSettings(port=port)):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        MockSettings(database="nonsense"),
        MockSettings(database="mysql://localhost/x"),
        MockSettings(answers={"no": "yes"}),
        MockSettings(refundable=-1),
    ],
)
def test_a_wrong_setting_is_a_usage_error(settings: MockSettings) -> None:
    with pytest.raises(UsageError), running(settings):
        pass


def test_a_rate_limit_is_kept() -> None:
    with running(MockSettings(rate_limit=5)) as mock, Wire(mock) as wire:
        replies = [wire.refund(wire.ids("not_paid")[0]) for _ in range(20)]
    statuses = [reply.status for reply in replies]
    assert statuses[:5] == [400] * 5
    assert statuses.count(429) >= 14
    assert int(replies[-1].headers["retry-after"]) >= 1


def test_a_file_keeps_what_was_accepted(tmp_path: Path) -> None:
    settings = MockSettings(database=f"sqlite:///{tmp_path}/mock.db")
    for expected in ((200, []), (400, [15050])):
        with running(settings) as mock, Wire(mock) as wire:
            assert wire.refund(wire.ids("refundable")[0]).short == expected


@pytest.mark.parametrize("database", ["sqlite://", "sqlite:///{folder}/mock.db"])
def test_of_simultaneous_requests_one_is_accepted(tmp_path: Path, database: str) -> None:
    with running(MockSettings(database=database.format(folder=tmp_path))) as mock, many_wires(mock, 20) as wires:
        order = wires[0].ids("refundable")[0]
        with ThreadPoolExecutor(len(wires)) as pool:
            found = list(pool.map(lambda wire: wire.refund(order).short, wires))
    assert sorted(found) == [(200, [])] + [(400, [15050])] * 19


def test_by_itself_it_is_reached_from_this_machine_only_without_tls() -> None:
    with running() as mock:
        assert mock.base_url.startswith("http://127.0.0.1:")


def test_its_description_is_served(wire: Wire) -> None:
    reply = wire.ask("GET", "/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json == openapi()
