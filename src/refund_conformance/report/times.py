"""Put the run's own times into what the replay wrote: its plugins know only how long the replay took."""

import json
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

from refund_conformance.report.artifacts import CTRF, JUNIT
from refund_conformance.report.run_log import Traffic


def correct(folder: Path, traffic: Traffic) -> None:
    """Correct junit.xml and ctrf.json in ``folder``. Without a known beginning nothing is changed."""
    if not traffic.start.get("time"):
        return
    started = datetime.fromisoformat(traffic.start["time"])
    seconds = float(traffic.end["seconds"]) if traffic.end else 0.0
    _junit(folder / JUNIT, started, seconds)
    _ctrf(folder / CTRF, started, seconds)


def _junit(path: Path, started: datetime, seconds: float) -> None:
    tree = ET.parse(path)  # noqa: S314  (written by pytest a moment ago)
    for suite in tree.iter("testsuite"):
        suite.set("name", "refund-conformance")
        suite.set("timestamp", started.isoformat())
        suite.set("time", f"{seconds:.3f}")
        suite.attrib.pop("hostname", None)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _ctrf(path: Path, started: datetime, seconds: float) -> None:
    report = json.loads(path.read_text(encoding="utf-8"))
    begin = int(started.timestamp() * 1000)
    report["timestamp"] = started.isoformat()
    report["results"]["summary"].update(
        start=begin, stop=begin + int(seconds * 1000), duration=int(seconds * 1000)
    )
    path.write_text(json.dumps(report, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")
