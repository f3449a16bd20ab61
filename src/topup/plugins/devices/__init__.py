"""Devices of shops: printers."""
