"""Write a kernel plan as text: expressions are spelled here, frames come from the templates."""
