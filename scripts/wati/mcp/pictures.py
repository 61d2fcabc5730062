"""get_media for a model: a small picture is shown and never becomes a file; all else is saved as usual.

A host may start the server in a folder where nothing may be written, and a model may ask for one picture in
several calls at once.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

import mcp_types as types

import get_media
from wati.calls.findings import Findings
from wati.contract.call import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.calls.context import Context
    from wati.contract.call import Call
    from wati.files.download import Download

LARGEST_IMAGE = 512 * 1024  # bytes of a picture that a model gets to see
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class Picture:
    """What one call of get_media is to show: nothing, unless its answer is a small picture."""

    def __init__(self) -> None:
        self._shown: list[types.ImageContent] = []

    def call(self, call: Call) -> Call:
        """The call that fills this in. One that names a file, or replaces one, is left as it is."""
        if call.options.output or call.options.force:
            return call
        changed = {"perform": self._perform, "preflight": ("connection", _if_saved)}
        return call.replace(endpoint=type(call.endpoint)(**{**vars(call.endpoint), **changed}))

    def beside(self, result: types.CallToolResult) -> types.CallToolResult:
        return result.model_copy(update={"content": [*result.content, *self._shown]})

    def _perform(self, context: Context) -> Result:
        path = get_media.target(context.call)
        place = partial(context.session.files.download, path, force=False)
        with _Private(place) as private:
            found = get_media.fetch(context, cast("BinaryIO", private))
            private.seek(0)
            if found["content_type"] not in IMAGES or found["bytes"] > LARGEST_IMAGE:
                with place() as download:
                    shutil.copyfileobj(private, download.handle)
                    download.commit()
                return Result({"file": path, **found})
            content = base64.b64encode(private.read()).decode()
        self._shown = [types.ImageContent(type="image", data=content, mime_type=found["content_type"])]
        return Result(found)


class _Private(tempfile.SpooledTemporaryFile[bytes]):
    """In memory while it can be a small picture, then in a temporary file. `place`: raises if it is taken."""

    def __init__(self, place: Callable[[], Download]) -> None:
        super().__init__(LARGEST_IMAGE)
        self._place = place

    def rollover(self) -> None:
        self._place()  # now, rather than when all of it has come
        super().rollover()


def _if_saved(context: Context, found: Findings) -> None:
    """Only the answer says whether there is a file to save, so a place that is taken is only a warning."""
    own = Findings(can_ask=found.can_ask)
    get_media.name_is_free(context, own)
    found.warnings += [f"{each['problem']}. Only a small picture needs no file." for each in own.problems]
