"""Control flow as values: branches, loops, checks, and the names and storages that they change.

Never reads an expression itself, and never decides what an array operation means.
"""
