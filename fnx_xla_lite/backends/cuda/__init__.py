"""The CUDA backend: loops to CUDA C, compiled at run time, launched through CuPy."""
