"""Gifts that are sent by post: where to, and how they stand.

Promise: an address is asked of the order's payer alone, and no page shows it to who has nothing but the order's id.

Public face: `routes.sent_gift_routes`, `wording`.
"""
