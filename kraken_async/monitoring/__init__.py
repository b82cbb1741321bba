"""Metrics, statistics, reports and the status file."""
