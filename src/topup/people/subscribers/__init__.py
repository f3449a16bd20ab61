"""Subscribers: who has an account with us, how they come in, and on which devices they are.

Promise: nothing here says whether a number has an account. Whoever shows by a one-time code that a number is theirs
comes into its account, or into a new one: registering and signing in are one door. What is personal is sealed with the
person's own key, so that dropping the key erases it everywhere; numbers are found by an HMAC whose key is not in the
database. A number that was given to somebody else opens nothing of its earlier holder's (`entering`).
"""
