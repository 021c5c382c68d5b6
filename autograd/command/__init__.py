"""The command `python -m autograd`: what may be typed, how it is read, what is printed."""

__all__: list[str] = []
