"""Kernels for a GPU, measured on one: against what the device can do, and against others.

`python -m benchmarks.gpu --help` says what can be asked for. Nothing is compiled while it measures:
`--build` makes a bundle of machine code beforehand, on a machine that needs no GPU, and the machine
with the GPU needs NumPy and cuda-bindings alone.
"""
