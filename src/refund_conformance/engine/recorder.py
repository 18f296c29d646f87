"""Keep the run's events; secrets are redacted in what comes from outside."""

import itertools
from collections.abc import Callable
from threading import Lock
from typing import Any

from refund_conformance.transport.exchange import Exchange
from refund_conformance.transport.redaction import Redactor

BODY_KEPT = 4096
"""Bytes of a body that are kept; the length is always known."""

BODY_CLEANED = 16 * BODY_KEPT
"""Bytes of a body that secrets are looked for in: more than are kept, for half a secret is not known again."""

Event = dict[str, Any]


class Record:
    """Takes events of one process and hands each to ``sink``. Exchanges are numbered from ``first`` on."""

    def __init__(self, redactor: Redactor, sink: Callable[[Event], None], first: int = 1) -> None:
        self._redactor = redactor
        self._sink = sink
        self._numbers = itertools.count(first)
        self._lock = Lock()
        self._closed = False

    def keep(self, event: Event) -> None:
        """Keep an event as it is: our own words, ids, outcomes and numbers.

        What it quotes of the target must be cleaned before. A secret may be spelt like a word of ours, so that an
        event without that word would tell another outcome.
        """
        with self._lock:
            if not self._closed:
                self._sink(event)

    def close(self) -> None:
        """Keep nothing more: what is still in flight comes too late."""
        with self._lock:
            self._closed = True

    def clean(self, text: str) -> str:
        """Return a text of the target as the record keeps it: without secrets."""
        return self._redactor.text(text)

    def exchange(self, exchange: Exchange) -> int:
        """Keep an exchange, its bodies bounded, and return its number."""
        number = next(self._numbers)
        request, response = exchange.request, exchange.response
        text = self._redactor.text  # before anything is cut: half a secret would not be known again
        event: Event = {
            "event": "exchange",
            "number": number,
            "started": exchange.started,
            "seconds": round(exchange.seconds, 6),
            "attempt": exchange.attempts,
            "request": {
                "method": request.method,
                "target": text(request.target)[:BODY_KEPT],
                "headers": [[text(name), text(value)[:BODY_KEPT]] for name, value in request.headers],
                **self._body(request.body),
            },
            "response": None,
            "failure": str(exchange.failure) if exchange.failure else None,
            "detail": text(exchange.detail),
        }
        if response is not None:
            event["response"] = {
                "status": response.status,
                "reason": text(response.reason)[:200],
                "headers": [[text(name)[:200], text(value)[:1000]] for name, value in response.headers[:50]],
                **self._body(response.body),
            }
        self.keep(event)
        return number

    def _body(self, body: bytes) -> Event:
        whole = self._redactor.bytes(body[:BODY_CLEANED])
        cut = len(body) > BODY_CLEANED  # so the last that was cleaned may be half a secret
        kept = whole[: max(0, min(BODY_KEPT, len(whole) - BODY_KEPT * cut))]
        try:
            text, encoding = kept.decode("utf-8"), "utf-8"
        except UnicodeDecodeError as problem:
            cut_character = len(whole) > len(kept) and problem.start >= len(kept) - 3
            if cut_character:
                text, encoding = kept[: problem.start].decode("utf-8"), "utf-8"
            else:
                text, encoding = kept.decode("latin-1"), "latin-1"
        return {"body": text, "encoding": encoding, "bytes": len(body)}
