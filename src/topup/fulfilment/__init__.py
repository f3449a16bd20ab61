"""Delivery of what was paid for.

The room promises: an attempt is written down before the carrier hears of it; it is submitted at most once; what is
unknown is asked about, never sent again; an order has at most one open attempt. The operator's own network (`own`) is
the ledger itself: it is credited in the transaction that settles the payment and cannot be unknown.

Public face: `ports` (what a carrier plugin implements), `states`, `operations`, `queries`, `own`.
"""
