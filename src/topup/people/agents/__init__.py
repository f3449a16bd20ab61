"""Agents: shops and partners who sell top-ups from a float that they paid for beforehand.

Promise: who they are, and how much they may sell, is one row each; it is locked while something is sold, so that a
suspension or a limit that is committed holds from then on. Each change of it is in the audit trail with what was
before and after. Their money is in the ledger, and no business of this room.
"""
