"""Ops: the first-order primitives, one block each, and the strict functions that apply them."""
