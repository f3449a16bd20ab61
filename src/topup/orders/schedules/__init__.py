"""Scheduled and automatic top-ups: on a day of the month, when credit is low, before it ends, to keep a number.

Promise: one cause leads to at most one top-up, whatever dies in between; what was missed while nobody ran is made up
once. Nothing is paid beyond what the person agreed to: so much at a time, so much in a month, never sooner than so many
days after the last; and the carrier's own limits. A declined card is asked again at most twice, days apart; then the
schedule stops and says so. Its owner sees when it runs next, and why it last did or did not; one tap stops all of them.

Public face: `desk.Schedules` (what an owner does), `numbers.Numbers` (keeping one's number), `running.Runner` (what
runs by itself), `rules` (when, how much).
"""
