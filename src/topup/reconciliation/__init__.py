"""What providers say moved, held against our books and the ledger, to the minor unit and fees included.

The room promises: each day's bill is kept as it was last read whole; every difference is found, classified, listed for
a person once with what to do about it, and closed again by itself when it is gone; the sums of a day tie, and nothing
stays unexplained; a repetition changes nothing. Whatever a bill tells that we did not hear is settled by `orders`,
which reads the bills (one reading serves both).

Public face: `desk`, `queries`, `reports`, `tasks`, `wording`.
"""
