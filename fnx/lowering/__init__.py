"""Lowering: the only bridge to the compiler.

Jaxpr -> HloModule -> Executable, and the call path of jitted functions.
"""
