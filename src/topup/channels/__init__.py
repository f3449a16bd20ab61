"""Ways in and out: each speaks its own language to the same desk; none knows another."""
