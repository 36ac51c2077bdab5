"""How fast codegen_ad is beside what one would use instead: `python -m benchmarks`."""
