"""Take the picture of a report in the documentation: real runs against the embedded mock, the last with faults.

``python bench/report_picture.py`` writes docs/report.png. It needs Chromium, and takes about a minute.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "docs" / "report.png"
PROGRAM = Path(sys.executable).with_name("refund-conformance")
SIZE = 1200, 900
BYTES, SCHEME, NULL = "desc-counted-in-bytes", "auth-any-scheme", "email-null-110"
RUNS = ((), (), (NULL,), (), (), (BYTES,), (BYTES,), (BYTES, SCHEME))
"""The faults of the mock in each run."""


def main() -> None:
    """Run, and take the picture of the last run's report."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("There is no Chromium: apt-get install chromium")
    with TemporaryDirectory() as folder:
        report = Path(folder) / "latest"
        for faults in RUNS:
            chosen = [word for fault in faults for word in ("--fault", fault)]
            command = [PROGRAM, "run", "--report", report, *chosen]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            page.goto((report / "report.html").as_uri())
            page.screenshot(path=PICTURE)
            browser.close()


if __name__ == "__main__":
    main()
