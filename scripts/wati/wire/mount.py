"""The only module that connects the client to the sandbox: a transport in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wati.contract.failures import Failure

if TYPE_CHECKING:
    import httpx

    from wati.contract.settings import Settings


def transport(settings: Settings) -> httpx.BaseTransport:
    """Raises Failure (`bad_setup`) if the sandbox's state cannot be used."""
    from wati.sandbox import StateError, transport

    try:
        return transport(settings.sandbox_state or None)
    except StateError as error:
        raise Failure("bad_setup", str(error)) from None


def state_path(settings: Settings) -> str:
    """The file of the sandbox's state. Raises Failure (`bad_setup`)."""
    from wati.sandbox import StateError, state_path

    try:
        return state_path(settings.sandbox_state or None)
    except StateError as error:
        raise Failure("bad_setup", str(error)) from None
