"""Kraken's API as data, and what is made from it."""
