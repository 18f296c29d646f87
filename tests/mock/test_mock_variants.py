"""Lawful variants answer otherwise than the plain mock, and yet lawfully."""

from functools import cache

import pytest
from mock_direct import Direct
from mock_probes import PROBES
from mock_wire import Reply, Wire

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings
from refund_conformance.mock.variants import VARIANTS, catalogue, chosen


@cache
def answered(clause: str, *names: str) -> list[Reply]:
    """Return what a mock with these variants answers to a clause's probes."""
    with Direct(MockSettings(refundable=40, variants=names)) as direct:
        return list(PROBES[clause](direct))


@pytest.mark.whole
@pytest.mark.parametrize("name", catalogue())
def test_a_variant_keeps_statuses_where_one_thing_is_wrong(name: str) -> None:
    """With one thing wrong at a time, order does not matter; with two, the first wrong one answers."""
    for clause in ("errors.shape", "success.status", "fields.all-reported", "auth.malformed"):
        plain, varied = answered(clause), answered(clause, name)
        if not name.startswith("order-"):
            assert [reply.status for reply in varied] == [reply.status for reply in plain]
        assert all(reply.status in (200, 400, 401, 404) for reply in varied)


def test_names_and_descriptions() -> None:
    assert len(catalogue()) == len(VARIANTS) >= 16
    assert sum(variant.name.startswith("order-") for variant in VARIANTS) >= 5
    with pytest.raises(UsageError, match="reworded"):
        chosen(["rewordet"])


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("connection-closed", "connection", "close"),
        ("chunked", "transfer-encoding", "chunked"),
        ("compressed", "content-encoding", "gzip"),
        ("charset-named", "content-type", "application/json; charset=utf-8"),
    ],
)
def test_variants_of_http_reach_the_wire(name: str, header: str, value: str) -> None:
    with running(MockSettings(variants=(name,))) as mock, Wire(mock) as wire:
        reply = wire.refund(wire.ids("not_paid")[0], headers=[*wire.headers(), ("Accept-Encoding", "gzip")])
    assert reply.status == 400
    assert reply.headers[header] == value
