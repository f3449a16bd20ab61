"""Cards at a counter's terminal, which is the bank's and not ours: the clerk enters what its slip says.

Promise: each slip pays once; what a terminal's own total says is held against what was entered, batch by batch, and a
difference is somebody's to explain.

Public face: `charges` (enter, give back, close a batch), `records`.
"""
