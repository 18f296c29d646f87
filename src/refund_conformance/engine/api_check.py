"""Is it the API at all? A dozen requests of different kinds that are all answered alike show that it is not."""

from urllib.parse import urlsplit

from refund_conformance.cases import all_cases
from refund_conformance.cases.case import Case
from refund_conformance.contract.errors import TargetError
from refund_conformance.engine.executor import Executor
from refund_conformance.oracle.error_body import read
from refund_conformance.sut.settings import NONEXISTENT_ORDER_ID
from refund_conformance.transport.exchange import Response

KINDS = (
    "auth.missing",
    "auth.forged",
    "route.unknown-url",
    "route.order-id",
    "content-type.other",
    "json.malformed",
    "json.structure",
    "email.required",
    "email.type",
    "description.type",
    "order.unknown",
    "order.foreign",
)
"""Clauses of different kinds; the first case of each is sent for an order that does not exist."""

FEWEST = 8
"""So many of them, at the least, must have been answered alike."""


def require_api(executor: Executor) -> None:
    """Raise TargetError, naming the likely setting, if requests of all kinds get the same answer.

    That is the same status, and no error body: as from a redirect, a page for every address, or another port.
    """
    seen: list[Response] = []
    for case in _cases(executor):
        response = executor.answer(case, executor.settings.orders.get("unknown", (NONEXISTENT_ORDER_ID,))[0])
        if response is None:
            continue
        if _is_of_api(response) or (seen and response.status != seen[0].status):
            return
        seen.append(response)
    if len(seen) < FEWEST:
        return
    base = executor.settings.base_url
    why, remedy = _explained(base, seen[0], seen[0].header("Location") or "")
    raise TargetError(f"target {base}", why, remedy)


def _cases(executor: Executor) -> list[Case]:
    firsts: dict[str, Case] = {}
    for case in all_cases(executor.contract).values():
        firsts.setdefault(case.clause, case)
    return [firsts[kind] for kind in KINDS if kind in firsts and executor.has_credential(firsts[kind])]


def _is_of_api(response: Response) -> bool:
    """Whether an answer may come from the API: an error body, a crash, a refused token, or an empty acceptance."""
    if response.status >= 500 or response.status == 401:
        return True
    return bool(read(response).codes) or (200 <= response.status < 300 and not response.body.strip())


def _explained(base: str, response: Response, location: str) -> tuple[str, str]:
    """Return why all answers are alike, and the remedy."""
    every = f"all requests of different kinds were answered with {response.status}"
    if 300 <= response.status < 400:
        place = urlsplit(location)
        if place.scheme == "https" and base.startswith("http:"):
            return (
                f"{every}, redirected to https",
                f"Set target.base_url to https://{urlsplit(base).netloc}{urlsplit(base).path}.",
            )
        return f"{every}, a redirect to {place.netloc or 'another path'}", "Set target.base_url to where it leads."
    path = urlsplit(base).path
    if path.rstrip("/").endswith("/v1"):
        return (
            f"{every} without an error body, and base_url ends in /v1",
            "Leave /v1 out of target.base_url: the suite adds it.",
        )
    text = response.body.lower()
    if (
        response.status == 400
        and base.startswith("http:")
        and (b"https" in text or b"tls" in text or b"ssl" in text)
    ):
        return f"{every}: the port speaks TLS", "Set target.base_url to https://."
    if path:
        return (
            f"{every} without an error body, and base_url has the path {path}",
            "See that target.base_url is what comes before /v1/order.",
        )
    return (
        f"{every} without an error body: it is not the API",
        "See that target.base_url is the API's host and port, and not a site's or a gateway's.",
    )
