"""Bytes to Kraken and back; knows no session."""
