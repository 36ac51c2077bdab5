"""From the user's function to a program: an interpreter of Python's syntax over abstract values.

It reads source text, follows calls, resolves mutation and control flow, and refuses by name
whatever it does not know. It never differentiates, never optimises, and never runs the user's
function.
"""
