"""The ground the rooms stand on: database, batching, keys, HTTP, texts, jobs. Knows nothing of top-ups."""
