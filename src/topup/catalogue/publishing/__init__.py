"""Publishing by two people: drafts, what changes with them, and publications at once or from an instant on.

Promise: what is published is what two people looked at, compared with what was in force then. Where either is not so
any more nothing is published, and somebody is told.
"""
