"""Paying an order on another device: its code, the page that takes it, and the page that pays and tells nothing else.

Public face: `routes.elsewhere_routes`.
"""
