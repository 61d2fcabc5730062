"""What outlives a call: settings, HTTP client and journal."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from wati.contract.settings import Settings
from wati.wire.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from typing import TypeVar

    from wati.files.uploads import Files
    from wati.journal.entries import Store
    from wati.wire.gateway import Trace

    Progress = Callable[[str], None]
    T = TypeVar("T")


class Session:
    """Any number of calls, from any number of threads, over one connection pool and at one pace.

    `environ`: the environment variables. `trace`: gets each request and answer of calls with `verbose`, not
    redacted. `progress`: gets a line of text now and then during a long call, in the call's thread. `queue`:
    seconds that a request may wait for the session's other calls beyond its own deadline. Raises Failure
    (`bad_setup`).
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        trace: Trace | None = None,
        progress: Progress | None = None,
        queue: float = 0.0,
    ) -> None:
        self.settings = Settings(environ)
        self.client = Client(self.settings)
        self.trace = trace
        self.progress = progress
        self.queue = queue
        self.recent = Recent()

    @property
    def journal(self) -> Store | None:
        """The send journal, None if it is switched off. Raises Failure (`bad_setup`)."""
        from wati.journal.once import open_journal

        return open_journal(self.settings)

    @property
    def files(self) -> Files:
        """Access to the allowed folders. Raises Failure (`bad_setup`)."""
        from wati.files.uploads import Files

        return Files(self.settings.file_roots)

    def close(self) -> None:
        self.client.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Recent:
    """What was read a short time ago, for calls that need no newer one. No two read the same at once."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._kept: dict[Hashable, tuple[float, object]] = {}

    def get(self, key: Hashable, seconds: float, read: Callable[[], T]) -> T:
        """What `read` returned for the key, at most `seconds` ago; with 0, nothing is kept or taken."""
        if seconds <= 0:
            return read()
        with self._reading:
            if key not in self._kept or time.monotonic() - self._kept[key][0] >= seconds:
                self._kept[key] = time.monotonic(), read()
            found: T = self._kept[key][1]  # type: ignore[assignment] # a key is for one kind of read
            return found
