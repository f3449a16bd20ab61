"""Gifts that come with a top-up: how they come to the payer."""
