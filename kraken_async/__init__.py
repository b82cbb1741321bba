"""An asyncio client for the Kraken exchange that never sends a nonce out of order."""
