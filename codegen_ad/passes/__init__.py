"""Passes: valid program in, valid program out, the same values.

`pipeline` lists them in order, with the reason why each stands there. A pass is a function; a rule
is a small function with a name, in a table. This room never differentiates and never plans loops.
"""
