"""Kraken's limits."""
