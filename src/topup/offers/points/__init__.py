"""Points of subscribers: earned with what they pay, spent on what they buy next, with the carrier that gave them.

Promise: they are POINTS buckets of the ledger under the subscriber's own id, in the subscriber's own lane, so no two
orders spend the same ones. What was earned with money that went back is taken back; what is not there any more is owed,
and the next points settle that first. An order credits and takes each of its points once.
"""
