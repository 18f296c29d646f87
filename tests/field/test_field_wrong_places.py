"""What is not the API is not judged: the run stops at once, and names the setting."""

from pathlib import Path

import pytest
from field_fronts import behind
from field_runs import judged

from refund_conformance.mock.server import running
from stand_in import Told, standing_in

PAGE = b"<!DOCTYPE html><title>Welcome</title>"
PLACES: dict[str, tuple[Told, str]] = {
    "redirect-to-https": (Told(301, b"", {"Location": "https://staging.example/"}), "redirected to https"),
    "redirect-to-login": (Told(302, b"", {"Location": "http://sso.example/login"}), "a redirect to sso.example"),
    "permanent-308": (Told(308, PAGE, {"Location": "https://staging.example/"}), "redirected to https"),
    "not-found-page": (Told(404, PAGE, {"Content-Type": "text/html"}), "it is not the API"),
    "page-for-everything": (Told(200, PAGE, {"Content-Type": "text/html"}), "it is not the API"),
    "forbidden": (Told(403, PAGE, {"Content-Type": "text/html"}), "it is not the API"),
    "not-allowed": (Told(405, PAGE, {"Content-Type": "text/html"}), "it is not the API"),
    "https-port": (Told(400, b"The plain HTTP request was sent to HTTPS port"), "the port speaks TLS"),
    "json-of-another-api": (
        Told(404, b'{"message":"no Route matched"}', {"Content-Type": "application/json"}),
        "it is not the API",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_answers_everything_alike_is_named(name: str, tmp_path: Path) -> None:
    told, why = PLACES[name]
    with running() as mock, standing_in(lambda asked: told) as url:
        done = judged(tmp_path / "run", behind(mock.target_toml(), url))
    assert done.verdict == (3, "incomplete")
    assert why in done.reasons
    assert done.with_result("held") == done.with_result("violated") == set()
    assert done.conformance["requests"] <= 20


def test_a_base_url_that_ends_in_the_version_is_named_and_uses_no_order_up(tmp_path: Path) -> None:
    with running() as mock:
        done = judged(tmp_path / "run", behind(mock.target_toml(), f"{mock.base_url}/v1"))
        accepted = [entry for entry in mock.mock.journal.entries() if entry["status"] == 200]
    assert done.verdict == (3, "incomplete")
    assert "base_url ends in /v1" in done.reasons
    assert accepted == []


def test_another_path_is_named(tmp_path: Path) -> None:
    with running() as mock:
        done = judged(tmp_path / "run", behind(mock.target_toml(), f"{mock.base_url}/api"))
    assert done.verdict == (3, "incomplete")
    assert "base_url has the path /api" in done.reasons
