"""Backends: loops.Program -> native code, one package per processor kind."""
