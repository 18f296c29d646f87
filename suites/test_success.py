"""Success: what every acceptance keeps to. Judged on each answer of the run; alone, on the plain request's."""

import pytest

from refund_conformance.app.pytest_plugin.fixture import Target


@pytest.mark.clause("success", phase="reviewed")
def test_success(target: Target) -> None:
    target.review("success")
