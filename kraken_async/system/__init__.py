"""Parts that stand on the operating system: locks, threads, durable writes, paths."""
