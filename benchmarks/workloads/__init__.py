"""What is measured, as a user would write it: plain NumPy functions and their data."""
