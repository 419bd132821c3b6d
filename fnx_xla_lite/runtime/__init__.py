"""Runtime: what runs compiled programs: executables, memory, caches, native calls."""
