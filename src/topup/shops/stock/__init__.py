"""What shops have in stock: cards and gifts, piece by piece.

The room promises: every piece that is anywhere came from somewhere; a shop never has less than nothing; the same key
moves nothing twice; what a count finds otherwise is a movement too, and a person hears of it; no movement is edited.

Public face: `desk.Stock`, `operations` (in a caller's transaction), `queries`, `invariants`.
"""
