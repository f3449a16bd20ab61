"""Agents' floats: the money agents paid beforehand, what they sell from it, and what they earn.

Promise: a float is a bucket of the ledger under the agent's id, in the agent's lane: it never goes below zero, and is
at every moment what was paid in, less what was sold, with the commission and what went back. Each sale is posted once,
each refund once, and the commission goes the way of its sale. A float is filled by two people.
"""
