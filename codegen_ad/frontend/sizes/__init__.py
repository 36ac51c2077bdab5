"""Sizes of axes: symbols, which of them are equal, what a call must check, what only the run knows.

Never touches elements of arrays.
"""
