"""Helpers for bots beside single calls: pages, market rules and names, candles, exports, waiting for an order."""
