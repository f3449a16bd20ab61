"""Numbers that somebody who is signed in tops up often: kept, named, removed and taken back, chosen in one tap.

Promise: a number that may have been given to somebody else since is not topped up without asking whether it is still
theirs.

Public face: `routes.saved_routes`, `picking.Picking`.
"""
