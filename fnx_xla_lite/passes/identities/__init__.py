"""Identities: the rules of the pass `algebraic`; each carries its equation."""
