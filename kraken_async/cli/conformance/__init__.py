"""``kraken-async conformance``: ask Kraken whether it is as this client describes it."""
