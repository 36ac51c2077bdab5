"""Updates and scatters: what is written in place, in which order, and by which loops.

Never decides what a value is, only where it goes.
"""
