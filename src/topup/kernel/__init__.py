"""What every room speaks: money, ids, numbers, outcomes, states, errors. Imports nothing of topup."""
