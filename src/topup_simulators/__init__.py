"""What stands in for the outside world in development and tests: payment gateways and a carrier.

Each is a process of its own, with its own keys and its own store, and speaks its wire protocol as strictly as the real
one would. Nothing here is shared with topup, and neither imports the other: a shared signing routine would prove
nothing. docs/guides/simulators.md says how they are started and how they misbehave.
"""
