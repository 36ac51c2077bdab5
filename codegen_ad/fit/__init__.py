"""Compiled fits: what a method is, how a running one is watched, and what comes back.

This room knows optimisers and people who wait for them. It never differentiates and never prints
code: a kernel that runs the whole loop is made elsewhere and called from here.
"""
