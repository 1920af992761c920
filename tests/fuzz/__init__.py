"""Fuzzing: captures of the repository, damaged by chance but always by the same chance for the same seed.

The test suite runs each target for a few seconds, ``python -m tests.fuzz --seconds 600`` as long as wanted.
"""
