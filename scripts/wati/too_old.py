"""What a Python that is too old says, in place of a traceback. It runs on Python 3.6 and newer.

`wati/__init__.py` imports it before anything else that such a Python could not read.
"""

import json
import os
import sys

NEEDED = (3, 10)
_HINT = (
    "Use `uv run -q` in place of python3: uv brings a newer Python (https://docs.astral.sh/uv). Or install "
    "one (https://www.python.org/downloads, or `brew install python`), install the packages of "
    "requirements.txt for it, and call it by its path."
)


def refuse() -> None:
    """End a script with its usual document and exit 3. Raises ImportError in any other program."""
    found = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, NEEDED))
    message = f"This is Python {found}; the wati package needs Python {needed} or newer."
    if not _is_script():
        raise ImportError(f"{message} {_HINT}")
    problem = f"is Python {found}; {needed} or newer is needed"
    error = {
        "code": "bad_setup",
        "message": message,
        "hint": _HINT,
        "source": "setup",
        "problems": [{"at": sys.executable or "python", "problem": problem}],
    }
    sys.stdout.write(json.dumps({"ok": False, "error": error}) + "\n")
    sys.exit(3)


def _is_script() -> bool:
    """Whether the program is one of the scripts beside this package."""
    program = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    package = os.path.dirname(os.path.realpath(__file__))
    return bool(program) and os.path.dirname(os.path.realpath(program)) == os.path.dirname(package)
