"""Benchmarks: kraken_async beside plain aiohttp and its peers. ``python -m benchmarks --help``."""
