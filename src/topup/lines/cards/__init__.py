"""SIM cards: what is written on each and in it, how it stands, and the line it serves, over time.

Promise: a card serves one line at a time, and a line has one card; a card that was replaced never works again. A card
belongs to no line before it is given to one, and what it served stays in its history. ICCID and IMSI lead to a line as
its number does, and are kept as numbers are; they are looked up for the line's owner or for staff only, and neither
logs nor pages have them whole.
"""
