"""Turn a NumPy function into the source code of its gradient."""
