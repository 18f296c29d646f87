"""Put the run's own times and names into what the replay wrote: its plugins know only of the replay."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from refund_conformance.report.artifacts import CTRF, JUNIT
from refund_conformance.report.escaping import tidy
from refund_conformance.report.items import Item
from refund_conformance.report.run_log import Traffic


def correct(folder: Path, traffic: Traffic, items: Sequence[Item]) -> None:
    """Correct junit.xml and ctrf.json in ``folder``. Times are left alone where the beginning is not known."""
    _names(folder / CTRF, {item.id: item for item in items}, str(traffic.start.get("version", "")))
    if not traffic.start.get("time"):
        return
    started = datetime.fromisoformat(traffic.start["time"])
    seconds = float(traffic.end["seconds"]) if traffic.end else 0.0
    _junit(folder / JUNIT, started, seconds)
    _ctrf(folder / CTRF, started, seconds)


def _junit(path: Path, started: datetime, seconds: float) -> None:
    tree = ET.parse(path)  # noqa: S314  (written by pytest a moment ago)
    tree.getroot().set("name", "refund-conformance")
    for suite in tree.iter("testsuite"):
        suite.set("name", "refund-conformance")
        suite.set("timestamp", started.isoformat())
        suite.set("time", f"{seconds:.3f}")
        suite.attrib.pop("hostname", None)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _names(path: Path, items: Mapping[str, Item], version: str) -> None:
    """Name the tool that made the results, name each test as its case, and say how long its exchanges took."""
    report = json.loads(path.read_text(encoding="utf-8"))
    results = report["results"]
    report["generatedBy"] = "refund-conformance"
    results["tool"] = {"name": "refund-conformance", "version": version}
    for test in results["tests"]:
        test.pop("filePath", None)
        item = items.get(test["name"])
        if item is None:
            continue
        begin, milliseconds = int(item.started * 1000), max(1, round(item.seconds * 1000)) if item.seconds else 0
        test.update(
            name=f"{item.clause}/{item.slug}", start=begin, stop=begin + milliseconds, duration=milliseconds
        )
        if item.outcome in ("failed", "error"):
            test["message"] = tidy(item.title)
    path.write_text(json.dumps(report, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")


def _ctrf(path: Path, started: datetime, seconds: float) -> None:
    report = json.loads(path.read_text(encoding="utf-8"))
    begin = int(started.timestamp() * 1000)
    report["timestamp"] = started.isoformat()
    report["results"]["summary"].update(
        start=begin, stop=begin + int(seconds * 1000), duration=int(seconds * 1000)
    )
    path.write_text(json.dumps(report, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")
