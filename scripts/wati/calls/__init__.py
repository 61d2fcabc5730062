"""One call from its arguments to its result: `perform.perform(session, call)` is the list of its steps.

May import: every room but cli. Whoever makes calls from code starts here (CONTRIBUTING.md, "From code").
"""
