"""Credit shared between lines."""
