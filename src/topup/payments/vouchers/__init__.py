"""Vouchers: a number under a scratch field that pays once.

Promise: a PIN pays exactly once, for a payment of exactly its face; nobody finds one by guessing; and no PIN is kept
that could be read, but for credit slips nobody has looked at yet, which are sealed.

Public face: `operations` (the life of batches), `redeeming` (one PIN, one payment), `slips` (money that goes back as a
voucher), `queries`, `states`, `printing` (the file for whoever prints them).
"""
