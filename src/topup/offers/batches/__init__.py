"""Batches of a campaign's own codes: made by two people, known by their marks alone, told once.

Promise: no code is kept that could be read; none of a batch is good before all of it is, and before its file was
written; what is blocked or over is promised to nobody from then on, and what was promised before is kept.

Public face: `approving` (asking for one), `making` (its codes and their file), `blocking`, `queries`, `states`.
"""
