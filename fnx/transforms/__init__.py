"""Transforms: Jaxpr to Jaxpr, and the same rules applied while a function runs."""
