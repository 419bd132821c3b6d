"""Core: avals, arrays, jaxprs, primitives, and the one tracer."""
