"""Differentiation: programs in, programs with gradients out.

`scalar` finds the derivative of one elementwise operation, `expression` writes it into a program,
`reverse` and `forward` are the two transforms. This room never simplifies a program and never
prints code.
"""
