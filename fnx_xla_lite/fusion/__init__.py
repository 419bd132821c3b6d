"""Fusion: which instructions become one kernel, decided by cost."""
