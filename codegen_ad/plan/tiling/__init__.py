"""Loops over rows of data as passes over tiles of rows, so that they use vectors.

A transformation of finished plans: never looks at programs.
"""
