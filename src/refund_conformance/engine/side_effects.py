"""Look, where a shared order turns out to be used up, for the refused request that had an effect on it."""

from refund_conformance.engine.bisection import find_side_effect
from refund_conformance.engine.executor import Executor
from refund_conformance.sut.order_pool import SharedOrder


class SideEffects:
    """The effects of refused requests that one part of a run has found.

    ``found_on`` are the names of the shared orders on which a refused request is known to have had an effect.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._looked_at: set[str] = set()
        self._are_orders_doubted = False
        self.found_on: set[str] = set()

    def look(self, name: str, shared: SharedOrder) -> None:
        """Look, once for each shared order, for the refused request that had an effect.

        Where none is found, the orders are not what the settings say, and further searches would be in vain.
        """
        if name in self._looked_at or self._are_orders_doubted:
            return
        self._looked_at.add(name)
        result = find_side_effect(self._executor, shared)
        if result is None:
            self._are_orders_doubted = True
        else:
            self.found_on.add(name)
            self._executor.keep(result)
