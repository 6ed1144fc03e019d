"""Loads for the benchmarks: small C programs that make events, and rows that make work."""
