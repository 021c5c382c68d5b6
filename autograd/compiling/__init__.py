"""Functions compiled to plain NumPy: recorded once, written out, and checked against themselves."""

__all__: list[str] = []
