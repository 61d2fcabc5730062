"""What the scripts share: a house of rooms, one above the other. Imports go down only (pyproject.toml).

    cli                   the command line: from argv to one JSON document
    calls                 one call, from its arguments to its result
    journal               who was sent what, and what became of it
    reads                 what Maton and WATI know
    output                the document: what is shown of a result
    files                 uploads, downloads, CSV files of receivers
    arguments             the JSON that comes in
    wire                  one request and its answer
    contract              what an endpoint is: data and pure functions

`sandbox` is the other side of the wire.

A script adds its folder to the path, because Python leaves it out under PYTHONSAFEPATH. In a skill that
OpenClaw installed, Python must not add bytecode: OpenClaw updates a skill only if its folder is unchanged.
"""

import sys

# The scripts and these lines can be read by Python 3.6 and newer; no other module can.
if sys.version_info < (3, 10):  # noqa: UP036
    from wati import too_old

    too_old.refuse()

__version__ = "1.1.0"
