"""Loops: fused computations become loop nests over planned memory."""
