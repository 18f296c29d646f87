"""The names of a report's files."""

EVENTS = "events.jsonl"
CONFORMANCE = "conformance.json"
HTML, JUNIT, CTRF = "report.html", "junit.xml", "ctrf.json"
MARKDOWN, CHANGES = "summary.md", "changes.md"
SARIF = "report.sarif"
BADGE = "badge.json"

PAGES = (HTML, JUNIT, CTRF, MARKDOWN, CHANGES, BADGE, SARIF)
"""What is made from the record when its run has ended, besides the verdict."""

BADGE_LABEL = "refund conformance"
