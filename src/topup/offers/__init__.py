"""Offers: what a campaign takes off or gives, for whom, and that none of it is promised twice.

The room promises: the same facts give the same answer in every channel, whatever the order of the file; the choice is
the best within a bound that is said; each campaign and code has a reason; nobody pays less than the carrier's least
total; nothing is promised that is not held.

Public face: `book.Book`, `facts`, `choosing.choose`, `answers`, `wording`; `operations`, `queries`, `codes`, `tasks`.
"""
