"""Top-ups that agents sell from their floats: one call makes the order, takes its price from the float and delivers it.

Promise: all of that is one transaction, or nothing of it; a float is never sold beyond; what is not delivered goes back
to the float, and the commission with it. The statement of an agent is read from the ledger alone.
"""
