"""Targets are the right one for the right order, and otherwise never one that a strict server would take."""

import re
import unicodedata
from urllib.parse import unquote

import pytest

from refund_conformance.cases.payloads.paths import (
    is_cleaned,
    is_oversized,
    is_undecided,
    malformed_ids,
    refund_path,
    unknown_urls,
    with_query,
)

TEMPLATE = "/v1/order/{order}/refund"
TEMPLATES = (TEMPLATE, "/v2/purchases/{order}/refunds", "/refund/{order}")
IDS = ("730001", "7", "00120", "1" * 18)


def test_the_right_target_holds_the_order() -> None:
    assert refund_path(TEMPLATE)("730001") == "/v1/order/730001/refund"


@pytest.mark.parametrize("order", ["A-1.b_c~d", "730001"])
def test_an_ordinary_id_stands_as_it_is(order: str) -> None:
    assert refund_path(TEMPLATE)(order) == f"/v1/order/{order}/refund"


@pytest.mark.parametrize("order", ["a/b", "a b", "a?b=c", "a#b", "%2e", "é", "\x00", "a\r\nb: c"])
def test_any_other_id_is_percent_encoded_once(order: str) -> None:
    target = refund_path(TEMPLATE)(order)
    assert re.fullmatch(r"/v1/order/[A-Za-z0-9%._~-]+/refund", target)
    assert unquote(target) == f"/v1/order/{order}/refund"


@pytest.mark.parametrize("template", TEMPLATES)
def test_unknown_urls_are_not_the_right_one(template: str) -> None:
    for slug, write in unknown_urls(template).items():
        target = write("730001")
        assert target != refund_path(template)("730001"), slug
        assert target.rstrip("/") != refund_path(template)("730001")
        assert "730001" in target
        assert "{" not in target


def test_unknown_urls_are_wrong_in_different_places() -> None:
    assert {slug: write("5") for slug, write in unknown_urls(TEMPLATE).items()} == {
        "longer": "/v1/order/5/refund/extra",
        "misspelt": "/v1/order/5/refunds",
        "suffix": "/v1/order/5/refund.json",
        "without-version": "/order/5/refund",
        "other-version": "/v9/order/5/refund",
    }


def test_no_unknown_url_is_made_of_a_template_without_its_place() -> None:
    assert set(unknown_urls("/refund/{order}")) == {"longer", "misspelt", "suffix"}


@pytest.mark.parametrize("order", [*IDS, "A-1", "xyz", "x9"])
def test_no_malformed_id_is_the_id_or_any_plain_number_that_an_order_may_have(order: str) -> None:
    for slug, write in malformed_ids().items():
        written = write(order)
        assert written != order, slug
        is_plain = re.fullmatch(r"[0-9]+", written) is not None
        assert not is_plain or written == "0" or int(written) >= (2**62 if len(order) > 9 else 2**40), slug


@pytest.mark.parametrize("order", IDS)
def test_malformed_ids_are_what_a_lenient_reader_takes_for_the_order(order: str) -> None:
    written = {slug: write(order) for slug, write in malformed_ids().items()}
    number = int(order)
    assert int(written["unicode-digits"]) == number
    assert float(written["float"]) == float(number)
    assert int(written["signed"]) == -int(written["negative"]) == number
    assert int(written["over-64-bits"]) % 2**64 == number
    assert int(written["over-32-bits"]) % 2**32 == number % 2**32
    assert int(written["space"]) == int(written["new-line"]) == int(written["underscore"]) == number
    assert int(written["hexadecimal"], 16) == int(written["exponent"].removesuffix("e0")) == number
    assert len(set(written.values())) == len(written)


def test_malformed_ids_are_of_every_kind() -> None:
    written = {slug: write("730001") for slug, write in malformed_ids().items()}
    assert written["unicode-digits"] == "٧٣٠٠٠١"
    assert written["traversal"] == "../730001"
    assert "'" in written["sql"]
    assert len(written["very-long"]) == 2000
    assert all(re.fullmatch(r"[a-z0-9-]+", slug) for slug in written)


@pytest.mark.parametrize("slug", malformed_ids())
def test_a_malformed_id_is_sendable_as_a_path(slug: str) -> None:
    target = refund_path(TEMPLATE)(malformed_ids()[slug]("730001"))
    assert re.fullmatch(r"/v1/order/[!-~]*/refund", target)
    assert target.count("/") == 4


def test_which_ids_a_front_may_clean_or_find_too_long() -> None:
    assert {slug for slug, write in malformed_ids().items() if is_cleaned(write)} == {"empty", "traversal"}
    assert {slug for slug, write in malformed_ids().items() if is_oversized(write)} == {"very-long"}


def test_full_width_digits_are_the_orders_number_to_whoever_normalizes() -> None:
    written = malformed_ids()["full-width-digits"]("730001")
    assert unicodedata.normalize("NFKC", written) == "730001"
    assert not written.isascii()


def test_a_query_stands_behind_the_path() -> None:
    assert with_query(refund_path(TEMPLATE), "email=a%40b")("5") == "/v1/order/5/refund?email=a%40b"


def test_which_ids_a_target_may_look_up_or_refuse() -> None:
    numbers = {slug for slug, write in malformed_ids().items() if is_undecided(write)}
    assert numbers == {"zero", "over-32-bits", "over-64-bits", "very-long", "empty", "traversal"}


@pytest.mark.parametrize("number", [1, 730001, 2**32 - 1, 2**32, 2**32 + 1, 2**33 - 1, 2**33, 2**61, 2**62 - 1])
def test_an_id_over_32_bits_is_the_orders_in_the_lowest_and_fits_into_64(number: int) -> None:
    written = int(malformed_ids()["over-32-bits"](str(number)))
    assert written % 2**32 == number % 2**32
    assert max(2**32, number + 2**39) < written < 2**63


def test_where_orders_have_no_numbers_an_id_over_32_bits_is_one_nevertheless() -> None:
    assert malformed_ids()["over-32-bits"]("A-1") == str(2**40 + 1)
