"""Benchmarks: fnx beside its peers, in one run."""
