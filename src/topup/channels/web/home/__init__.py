"""Home of who is signed in: their lines, what these have and until when, and topping one up.

Public face: `routes.home_routes`.
"""
