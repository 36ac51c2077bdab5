"""The backends: what turns a program into numbers. `reference` runs it node by node in NumPy.

This room runs what was planned elsewhere. It never differentiates and never rewrites.
"""
