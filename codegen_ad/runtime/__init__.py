"""The cache of generated kernels: where it lies, what is in it, what each kernel depends on.

This room reads, writes and imports kernel files. It never knows what a program is, never generates
a line of one, and never imports numba, SymPy or Jinja itself: a warm start needs this room and the
kernel only.
"""
