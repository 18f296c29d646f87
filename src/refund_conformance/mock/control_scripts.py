"""The part of the control API that scripts what becomes of the next requests for an order, or of a caller."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from refund_conformance.mock.control_request import WishError, nothing_else, number, order_id, whole
from refund_conformance.mock.control_wishes import refuse_several_workers
from refund_conformance.mock.factory import Mock
from refund_conformance.mock.scripts import BROKEN, CARRIED_OUT, MOST_STEPS, STATUSES, Key, Step
from refund_conformance.mock.settings import MOST_DELAY
from refund_conformance.mock.tables import Progress

_REVOKED = {"revoked": 1007, "expired": 1009}
_MOST_TIMES = 100
_MOST_RETRY_AFTER = 3600


class ScriptControl:
    """Answers the requests about scripts."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock

    def handlers(self) -> list[tuple[str, str, Callable[[dict[str, Any], Request], object]]]:
        """Return method, path and handler of each request."""
        paths = ("/orders/{order}/script", "/callers/{caller}/script")
        methods = {"GET": self.tell, "PUT": self.put, "DELETE": self.forget}
        return [(method, path, handler) for path in paths for method, handler in methods.items()]

    def put(self, wish: dict[str, Any], request: Request) -> object:
        """Replace a script with these ``steps``; for an order they may be for one ``caller`` alone."""
        caller = wish.pop("caller", None)
        steps = wish.pop("steps", None)
        nothing_else(wish)
        if caller is not None and not isinstance(caller, str):
            raise WishError("caller must be text")
        if not isinstance(steps, list) or len(steps) > MOST_STEPS:
            raise WishError(f"steps must be a list of at most {MOST_STEPS}")
        self.mock.scripts.put(self._key(request, caller), tuple(self.steps(steps)))
        return self.tell(wish, request, caller)

    def tell(self, wish: dict[str, Any], request: Request, caller: str | None = None) -> object:
        """Tell the steps that are left."""
        left = self.mock.scripts.left(self._key(request, caller or request.query_params.get("caller")))
        return {"steps": [shown(step) for step in left]}

    def forget(self, wish: dict[str, Any], request: Request) -> object:
        """Forget a script."""
        nothing_else(wish)
        self.mock.scripts.put(self._key(request, request.query_params.get("caller")), ())
        return {"steps": []}

    def steps(self, wished: list[Any]) -> list[Step]:
        """Return the steps that a list has, each as often as it says."""
        found: list[Step] = []
        for one in wished:
            parts = dict(one) if isinstance(one, dict) else {"answer": one}
            times = whole(parts.pop("times", 1), "times", _MOST_TIMES)
            found += [self._step(parts)] * times
        return found

    def _step(self, parts: dict[str, Any]) -> Step:
        answer = self._answer(parts.pop("answer", "ok"))
        effect = parts.pop("effect", answer in CARRIED_OUT)
        if not isinstance(effect, bool) or (answer in CARRIED_OUT and not effect):
            raise WishError("effect must be true or false, and true with ok and lost")
        advance = parts.pop("advance", None)
        if advance not in (None, *_ADVANCES):
            raise WishError(f"advance must be one of {', '.join(_ADVANCES)}")
        if advance is not None and not effect:
            raise WishError("advance needs a request that is carried out: say effect true")
        wait = parts.pop("retry_after", None)
        step = Step(
            answer=answer,
            effect=effect,
            before=number(parts.pop("before", 0), "before", 0, MOST_DELAY),
            after=number(parts.pop("after", 0), "after", 0, MOST_DELAY),
            advance=None if advance is None else Progress(advance),
            retry_after=None if wait is None else whole(wait, "retry_after", _MOST_RETRY_AFTER),
        )
        nothing_else(parts)
        return step

    def _answer(self, answer: Any) -> str | int:
        known = ("ok", *BROKEN, *_REVOKED)
        if isinstance(answer, str) and answer in known:
            return _REVOKED.get(answer, answer)
        codes = (*STATUSES, *self.mock.contract.errors)
        if isinstance(answer, int) and not isinstance(answer, bool) and answer in codes:
            return answer
        raise WishError(
            f"an answer is {', '.join(known)}, a status from {STATUSES[0]} to {STATUSES[-1]}, or an error's code"
        )

    def _key(self, request: Request, caller: str | None) -> Key:
        refuse_several_workers(self.mock.settings, "scripts are")
        if "order" in request.path_params:
            return Key(order_id(request), caller)
        if caller is not None:
            raise WishError("the caller is named by the URL")
        return Key(caller=request.path_params["caller"])


_ADVANCES = tuple(progress.value for progress in Progress if progress is not Progress.NEW)


def shown(step: Step) -> Mapping[str, object]:
    """Return a step as the API has it."""
    return {
        "answer": step.answer,
        "effect": step.effect,
        "before": step.before,
        "after": step.after,
        "advance": step.advance,
        "retry_after": step.retry_after,
    }
