"""Sparse Jacobians: which entries can differ from zero, colours for them, and their values.

The pattern is read off the program's operations at the sizes and integers of a call; the values are
a few products with a compiled kernel. This room never differentiates and never looks at floating
point data: its patterns hold for all of it.
"""
