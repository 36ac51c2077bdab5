"""Arrays: views of storages, subscripts, and elementwise operations as NumPy means them.

Never looks at statements; a write ends as a new value of a storage.
"""
