"""What was used: records are read, rated, charged for once and told of, with the events that follow."""
