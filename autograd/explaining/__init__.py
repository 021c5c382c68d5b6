"""One gradient in words and numbers, and its check by finite differences.

May import: nothing of this project.
"""

__all__: list[str] = []
