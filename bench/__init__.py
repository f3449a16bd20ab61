"""What is measured, beside what, and how to run it: `python -m bench`."""
