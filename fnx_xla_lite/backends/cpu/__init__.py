"""The CPU backend: loop nests to LLVM IR with explicit vectors, and the threads that run them."""
