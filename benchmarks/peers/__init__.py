"""One module per framework: the same cases, each as a function that prepares its data and returns a callable."""
