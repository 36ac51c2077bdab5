"""Kernels on a GPU: compiled ahead, kept as machine code, loaded and launched by the driver.

A second process that finds a kernel's machine code imports neither numba nor a compiler: it needs
NumPy and cuda-bindings alone. Everything that touches a device goes through the few functions of
`driver.Driver`, so that tests and dry runs can put a simulated device there.
"""
