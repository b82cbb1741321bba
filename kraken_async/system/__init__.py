"""What the operating system gives: locks, threads, durable writes, paths."""
