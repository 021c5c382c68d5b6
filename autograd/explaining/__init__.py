"""One gradient in words and numbers, and its check by finite differences."""

__all__: list[str] = []
