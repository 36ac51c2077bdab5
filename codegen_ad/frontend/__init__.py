"""From the user's function to a program: an interpreter of Python's syntax over abstract values.

It reads source text, follows calls, resolves mutation and control flow, and refuses by name
whatever it does not know. It never differentiates, never optimises, and never runs the user's
function.

On this floor: the reading itself (`reader`, `machine`, `context`), what a name may be bound to
(`values`), statements, expressions, assignment and the result. The rooms: `control/` for branches
and loops, `arrays/` for views and elementwise operations, `sizes/`, `calls/`, `containers/`,
`complex_numbers/`, and `library/` for the tables of NumPy's and SciPy's functions.
"""
