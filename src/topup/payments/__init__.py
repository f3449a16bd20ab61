"""Money coming in through other people's systems, and going back.

The room promises: an attempt is written down before the gateway hears of it; money that really came (a capture) is
recorded once per gateway reference and never dropped; what goes back never exceeds what came, refunds of unknown
outcome included; an event is believed only after verification, and stored before it is acknowledged. Which order a
capture serves is not decided here: `orders` says so.

Public face: `ports` (what a gateway plugin implements), `states`, `operations`, `inbox`, `queries`, `postings`.
"""
