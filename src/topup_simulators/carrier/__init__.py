"""A carrier of another country, as an aggregator's interface shows it: JSON under an HMAC, misbehaving by number."""
