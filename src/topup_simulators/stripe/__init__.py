"""Stripe: Checkout pages with a 3-D Secure step, kept cards, refunds, disputes, balance transactions, signed events.

Forms under `/v1`, an idempotency store that replays failures too, events resent for three days. It keeps its balance in
US dollars, so that fees are in another currency than most payments. docs/guides/simulators.md has its controls.
"""
