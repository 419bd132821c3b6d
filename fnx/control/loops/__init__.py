"""Loops: scans, while loops, and what is made of them; each is one native loop."""
