"""Payment gateways: one module each, found by `platform.plugs.discover`."""
