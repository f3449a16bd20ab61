"""Carriers, their numbers, products and prices: files an operator edits become versions that never change."""
