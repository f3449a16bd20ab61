"""Lines, the numbers they have had over time, and which carrier serves a number today.

A line is what has a balance; a number is only what it is called by now. A number given to somebody else is a new line:
nothing of the old one is ever credited or shown through it. Reads are in `queries`, writes in `operations`, the file of
an operator's existing lines is read by `imports`; who serves a number that left its range is asked through
`ports.PortabilityLookup`.
"""
