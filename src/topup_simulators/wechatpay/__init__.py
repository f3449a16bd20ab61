"""WeChat Pay's API v3 with one merchant: orders, refunds, bills and events, sealed and signed as the real one does."""
