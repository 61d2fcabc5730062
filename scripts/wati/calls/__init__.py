"""One call, from its arguments to its result. `perform.perform(session, call)` has the steps.

Other programs make their calls from here (CONTRIBUTING.md).

May import journal and the rooms below it.
"""
