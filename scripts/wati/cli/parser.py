"""The flags of the programs that take no arguments in JSON: tools.py and mcp_server.py."""

from __future__ import annotations

import argparse
from typing import NoReturn

from wati.contract.failures import Failure


class Parser(argparse.ArgumentParser):
    """Abbreviates nothing, has `text` as its help, and raises Failure (`usage`)."""

    def __init__(self, prog: str, text: str) -> None:
        super().__init__(prog=prog, allow_abbrev=False)
        self._text = text.lstrip()

    def error(self, message: str) -> NoReturn:
        raise Failure("usage", message)

    def format_help(self) -> str:
        return self._text
