"""Effects: primitives that call Python functions, and assertions."""
