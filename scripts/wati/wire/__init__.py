"""One conversation over HTTP: the request, its way out, the answer; pacing, deadlines, signals, the sandbox
mount.

May import: contract. The only room that touches the network.
"""
