"""What a program is: dimensions, types, nodes, regions, the builder, the text, the verifier.

This room knows kinds of operations but no operation: which ones exist is said in `codegen_ad.ops`.
It never reads Python source, never differentiates and never prints code.
"""
