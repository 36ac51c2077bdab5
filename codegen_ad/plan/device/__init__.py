"""Plans for devices of many threads: which loops are shared out, and what every thread repeats.

Never prints code, and never changes what a plan for the processor is.
"""
