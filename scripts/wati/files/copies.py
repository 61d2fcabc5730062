"""The copy of a file that is uploaded: what was checked is what is sent, whatever becomes of the file."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wati.contract.call import Part

CHUNK = 1 << 16
IN_MEMORY = 1 << 20  # bytes of a copy that needs no file of its own


class Copy:
    """Bytes that change no more, for any number of readers in any thread. In memory if they are few.

    `look`: called before each piece is read or written; raises if there is no time left.
    """

    def __init__(self, look: Callable[[], None], chunks: Iterable[bytes]) -> None:
        self.size = 0
        self._look = look
        self._lock = threading.Lock()
        self._file: BinaryIO = io.BytesIO()
        for chunk in chunks:
            look()
            self._write(chunk)

    def open(self) -> BinaryIO:
        """The bytes from the first on. Each reader has a place of its own."""
        return io.BufferedReader(_Reader(self), CHUNK)

    def replaced(self, chunks: Iterable[bytes]) -> Copy:
        """A copy of other bytes in place of this one. They may be made of these."""
        found = Copy(self._look, chunks)
        self.close()
        return found

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()

    def read_into(self, at: int, buffer: Any) -> int:
        self._look()
        with self._lock:
            self._file.seek(at)
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > IN_MEMORY and isinstance(self._file, io.BytesIO):
            import tempfile

            # Has no name, or is its owner's only, and vanishes with the process.
            file = tempfile.TemporaryFile()  # noqa: SIM115 `close` closes it
            file.write(self._file.getvalue())
            self._file = file
        self._file.write(chunk)


class _Reader(io.RawIOBase):
    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._copy.read_into(self._at, buffer)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._copy.size}[whence]
        self._at = max(0, start + offset)
        return self._at


def digest(parts: Iterable[Part]) -> str:
    """What identifies the bytes of these files."""
    import hashlib

    found = hashlib.sha256()
    for part in parts:
        with part.content.open() as file:
            while piece := file.read(1 << 20):
                found.update(piece)
    return found.hexdigest()


def chunks_of(file: BinaryIO, most: int) -> Iterator[bytes]:
    """The next bytes of a file, at most so many."""
    while most > 0 and (chunk := file.read(min(CHUNK, most))):
        most -= len(chunk)
        yield chunk
