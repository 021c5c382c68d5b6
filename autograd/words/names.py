"""Names of the user's, which may hold anything, as they are shown.

May import: nothing of this project.
"""

from __future__ import annotations

__all__: list[str] = []


def without_middle(text: str, many: int) -> str:
    """So many letters of a text, from both its ends.

    >>> without_middle("a long name", 4)
    'a…me'
    """
    first = (many + 1) // 2
    return f"{text[:first].rstrip()}…{text[len(text) - (many - first) :].lstrip()}"
