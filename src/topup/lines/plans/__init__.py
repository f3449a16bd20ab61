"""The plans of lines: paid ahead from a line's money, renewed by themselves, each cycle once whatever happens.

`operations` begin, switch and end them, `renewing` lets cycles follow one another, `queries` show them.
"""
