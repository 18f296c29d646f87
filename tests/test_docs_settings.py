"""docs/settings.md is what `python docs/settings_page.py` makes of the schema and the contract."""

import runpy
from pathlib import Path

from refund_conformance.contract import model

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_of_settings_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "settings_page.py"))["page"]
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == page(model.load())
