"""Use under way: held of a line's buckets ahead, taken as it is reported, given back at the end."""
