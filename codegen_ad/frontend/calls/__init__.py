"""Calls: of Python's own functions, of the user's, of derivatives inside of functions.

Never knows what a library function means: that is the table of `library/`.
"""
