"""A receipt printer on the network: takes ESC/POS, says how it stands, and shows what its papers look like."""
