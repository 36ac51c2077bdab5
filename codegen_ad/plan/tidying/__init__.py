"""What statements use, loops that run as one, memory used again, and code made readable.

Transformations of finished plans: never looks at programs.
"""
