"""Cash over a counter or into a kiosk.

Promise: what was handed over for a payment is written down once; a drawer's money is in the ledger to the minor unit
from the float to the count; whoever counts does not know what should be there.

Public face: `tills` (open, take, pay back, close), `drawer` (in and out, hand over, reports), `records`.
"""
