"""The settings that the documentation shows are right, and docs/settings.md is what its command makes."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from refund_conformance.app import plan
from refund_conformance.contract import documents, model
from refund_conformance.contract.errors import SettingsError
from refund_conformance.report import waivers
from refund_conformance.sut import settings
from refund_conformance.sut.profile import PROFILES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONTRACT = model.load()


def blocks(page: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


def test_the_reference_of_settings_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "settings_page.py"))["page"]
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == page(CONTRACT)


def test_every_example_of_the_reference_is_right() -> None:
    for block in blocks("docs/settings.md"):
        data = {"target": {"base_url": "http://a"}, **tomllib.loads(block)}
        data["target"].setdefault("base_url", "http://a")
        if "auth" in data:
            data["auth"] |= {
                name: "x" for name in ("username", "password") if data["auth"].keys() & {"username", "password"}
            }
        documents.check(data, "target", block, SettingsError)


@pytest.mark.parametrize("page", ["README.md", "docs/staging.md"])
def test_the_samples_of_settings_work_as_they_stand(page: str) -> None:
    sample = blocks(page)[0]
    environment = {name: "value" for name in re.findall(r"\$\{([A-Z_]+)\}", sample) if name != "NAME"}
    read = settings.parse(tomllib.loads(sample), page, CONTRACT, environment)
    assert read.allow_writes
    assert read.tokens or read.username


def test_the_sample_of_waivers_works_as_it_stands(tmp_path: Path) -> None:
    (sample,) = blocks("docs/waivers.md")
    path = tmp_path / "waivers.toml"
    path.write_text(sample, encoding="utf-8")
    (read,) = waivers.load(path, CONTRACT)
    assert read.owner


def test_readme_says_how_many_orders_a_run_uses_up() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    found = re.search(r"uses up about (\d+) refundable orders and (\d+) of `refund_finished`", text)
    assert found
    planned = plan.plan(plan.settings_of(None, CONTRACT), CONTRACT, PROFILES["ci"], CONTRACT.clauses)
    refundable, finished = planned.supply("refundable"), planned.supply("refund_finished")
    assert refundable.least <= int(found[1]) <= refundable.most
    assert int(found[2]) == finished.least
