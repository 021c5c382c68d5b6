"""The command `python -m autograd`: what may be typed, how it is read, what is printed.

May import: nothing of this project.
"""

__all__: list[str] = []
