"""An order is placed at most once, and its outcome is known."""
