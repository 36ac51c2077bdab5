"""Kernels cut into functions that work on chunks of rows, for threads.

A transformation of finished plans: never looks at programs.
"""
