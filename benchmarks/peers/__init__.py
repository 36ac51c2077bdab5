"""The same in other libraries, each as its users would write it.

`in_numpy(np)` returns functions for a library that has NumPy's names, `jax.numpy` or
`autograd.numpy`; `in_jax(np)` and `in_autograd(np)` where one of them needs its own loop;
`in_torch()` those for PyTorch. What is written by hand is a peer itself.
"""
