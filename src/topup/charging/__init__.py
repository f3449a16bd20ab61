"""Charging: what is taken from lines and given to them beside top-ups."""
