"""The signing keys of a mock: the newest signs, and earlier ones stay as long as their tokens may live."""

import threading
import time
from itertools import pairwise

from sqlalchemy import delete, insert, select

from refund_conformance.mock.batches import WouldWaitError, in_event_loop
from refund_conformance.mock.keys import Key, key_from, new_key, process_key
from refund_conformance.mock.store import Store
from refund_conformance.mock.tables import signing_keys


class KeyRing:
    """Keeps keys in the store, so that several processes sign alike and a restart invalidates no token.

    What another process has added is looked up when it matters: before signing, before the keys are published, and
    where a token names a key that is not known. ``token_seconds`` is the life of a token. A store in memory starts
    with the key of the process, which is made but once.
    """

    def __init__(self, store: Store, token_seconds: float) -> None:
        self._store = store
        self._token_seconds = token_seconds
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._read()
        if not self._keys:
            self._add(process_key() if store.is_memory else new_key())

    @property
    def newest(self) -> Key:
        """The key that signs."""
        self._read()
        return self._keys[0]

    @property
    def all(self) -> tuple[Key, ...]:
        """Every key whose tokens are accepted, the newest first."""
        self._read()
        return self._keys

    def find(self, id_: object) -> Key | None:
        """Return the key of that id; look into the store for one that another process has added.

        Raises WouldWaitError in the thread of an event loop where the store may keep it waiting.
        """
        found = self._among(id_)
        if found is None and isinstance(id_, str):
            if not self._store.is_memory and in_event_loop():
                raise WouldWaitError
            self._read()
            found = self._among(id_)
        return found

    def rotate(self) -> Key:
        """Add a key that signs from now on, and forget those whose tokens have all expired."""
        key = new_key()
        self._add(key)
        return key

    def _among(self, id_: object) -> Key | None:
        return next((key for key in self._keys if key.id == id_), None)

    def _add(self, key: Key) -> None:
        now = time.time()
        with self._store.writing() as connection:
            times = list(connection.scalars(select(signing_keys.c.created_at).order_by(signing_keys.c.created_at)))
            # A key signed until the next one came; after one more life of a token nothing of it is left.
            gone = [time_ for time_, successor in pairwise(times) if successor < now - self._token_seconds]
            if gone:
                connection.execute(delete(signing_keys).where(signing_keys.c.created_at.in_(gone)))
            connection.execute(insert(signing_keys), {"id": key.id, "pem": key.pem, "created_at": now})
        self._keys = (key, *self._keys)  # which is known, and need not be read from its text
        self._read()

    def _read(self) -> None:
        known = {key.id: key for key in self._keys}
        with self._lock, self._store.reading() as connection:
            rows = connection.execute(select(signing_keys).order_by(signing_keys.c.created_at.desc())).all()
            self._keys = tuple(known.get(row.id) or key_from(row.pem) for row in rows)
