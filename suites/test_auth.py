"""Authorization: missing, malformed, forged and expired tokens, and what a refusal must not do."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target
from refund_conformance.cases.case import Case


@pytest.mark.clause("auth.missing")
def test_missing(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.malformed")
def test_malformed(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.forged")
def test_forged(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.expired")
def test_expired(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.accepts")
def test_accepts(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.codes")
def test_codes(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.first")
def test_first(case: Case, target: Target) -> None:
    target.check(case)


@pytest.mark.clause("auth.first")
def test_first_drawn(target: Target) -> None:
    target.explore("auth.first")


@pytest.mark.clause("auth.first", phase="together")
def test_strangers_told_alike(target: Target) -> None:
    target.check_strangers_told_alike()


@pytest.mark.clause("auth.every-request", phase="together")
def test_every_request(target: Target) -> None:
    target.check_every_request()


@pytest.mark.clause("auth.no-effect", phase="proved")
def test_no_effect(target: Target) -> None:
    target.check_no_effect("auth.no-effect")
