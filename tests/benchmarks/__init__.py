"""Timing lives here, not in timed tests: ``python -m tests.benchmarks``."""
