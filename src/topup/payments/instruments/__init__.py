"""Instruments that payers leave with gateways for later payments: a card, an agreement with a wallet.

Promise: one is kept only where its owner asked for it at a payment that was made, and only its owner's payments use it.
Its token is sealed, and never shown, logged or exported; its owner knows it by a label. One that is removed is used by
nobody from that moment on, and its gateway is told until it has let go of it.

Public face: `records` (what is kept), `desk.Instruments` (what an owner does with it, and what runs by itself).
"""
