"""The guest top-up in a browser: number, amount, whole price, pay, watch it arrive, receipt.

The room promises: every step works as a plain form without JavaScript; what is shown before paying is what is paid;
pressing twice makes one order; no personal data stands in an address.

Public face: `router.create_web_router`.
"""
