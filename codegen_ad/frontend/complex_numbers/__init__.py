"""Complex numbers as pairs of real values: what NumPy and Python's operators make of them.

Programs hold real numbers only, so nothing below the frontend knows of this room, and derivatives
of a real result through complex intermediate values are those of its real operations. But for the
Fourier transforms this room makes no node by itself: it asks for the operators and functions of
real values. What it does not know is refused by name.
"""
