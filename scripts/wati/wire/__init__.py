"""One HTTP request and its answer: addresses, retries, deadlines, rate limits, signals.

May import: contract. The only room that touches the network.
"""
