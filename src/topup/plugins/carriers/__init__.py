"""Carriers and aggregators: one module each, found by `platform.plugs.discover`."""
