"""The folder beside a page, with the files that it shows. Their names are ours: safe on every system."""

from __future__ import annotations

import os
import re
import stat

from wati.files.download import not_allowed, reason
from wati.files.folder import Folder

FOLDER = "_files"  # as browsers call it: some systems then move the folder with its page
_LONGEST = 60  # characters of a name, apart from number and ending
_UNSAFE = re.compile("[^A-Za-z0-9_-]+")
# No other ending is given: a program would open a web page or a script that a customer sent.
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_ENDINGS = {
    *IMAGES,
    *(".mp4", ".3gp", ".aac", ".amr", ".mp3", ".m4a", ".ogg", ".opus", ".wav"),
    *(".pdf", ".txt", ".csv", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx"),
}


def safe_name(number: int, file_name: str) -> str:
    """What a file is called here: its number, so each name is new, and what is harmless of its own name."""
    stem, ending = os.path.splitext(file_name.rpartition("/")[2])
    bare = _UNSAFE.sub("-", stem)[:_LONGEST].strip("-")
    own = ending.lower() if ending.lower() in _ENDINGS else ".bin"
    return f"{number:03d}{f'-{bare}' if bare else ''}{own}"


def is_image(file_name: str) -> bool:
    """Whether a browser shows it as a picture."""
    return file_name.lower().endswith(IMAGES)


class Beside:
    """`path`: as it was given; `real`: its resolved path, which is allowed."""

    def __init__(self, path: str, real: str, *, force: bool, at: str) -> None:
        self.path = path
        self._parent, self._name = os.path.split(real)
        self._force = force
        self._at = at

    @property
    def name(self) -> str:
        return self._name

    def check(self) -> None:
        """Raises `file_not_allowed` if the name is taken; with `force`, a folder may be."""
        try:
            with Folder(self._parent) as parent:
                status = parent.status(self._name)
        except OSError as error:
            raise self._unwritable(error) from None
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise not_allowed(self._at, f"needs the folder {self._name}, and a file has that name")
        if not self._force:
            problem = f"needs the folder {self._name}, which exists already; --force writes into it"
            raise not_allowed(self._at, problem, hint="Use another name for --output, or --force.")

    def make(self) -> None:
        try:
            with Folder(self._parent) as parent:
                if parent.status(self._name) is None:
                    parent.make(self._name)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> Exception:
        return not_allowed(self._at, f"cannot make the folder {self._name}: {reason(error)}")
