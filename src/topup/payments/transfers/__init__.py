"""Bank transfers: references that payers write, statements that the bank gives, and which of them belong together.

Promise: an entry of a statement is taken in once, however often it is imported; what does not belong to exactly one
payment with the very amount is a person's to decide, with the evidence; nothing is dropped.
"""
