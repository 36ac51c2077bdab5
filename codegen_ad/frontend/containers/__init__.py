"""Lists, tuples and dicts: their methods, their parts, and lists that are as long as the data.

Never hold arithmetic: what they contain is computed elsewhere.
"""
