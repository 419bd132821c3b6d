"""One module per framework: the same cases.

Each case is a function that prepares its data and returns a callable.
"""
