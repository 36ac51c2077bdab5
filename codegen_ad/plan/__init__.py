"""From a program to a kernel plan: loops, fusion, storage, what is kept and what is computed again.

This room decides everything about a kernel but its spelling. It never differentiates, never
rewrites a program, and never prints Python.
"""
