"""Names of the user's, which may hold anything, as they are shown."""

from __future__ import annotations

__all__: list[str] = []

_LONGEST = 24  # letters of a name in a formula


def cleaned(text: object, letters: int = 0, escaped: bool = False) -> str:
    """A text in one line of printable characters; of one longer than `letters` not the middle.

    What cannot be printed is left out, or `escaped` where the reader should see that it is there.

    >>> cleaned("two\\n  lines\\x00"), cleaned("a" * 20 + "b" * 20, 9)
    ('two lines', 'aaaa…bbbb')
    >>> cleaned("two\\nlines", escaped=True)
    'two\\\\nlines'
    """
    name = str(text).strip()
    if letters and len(name) > letters:
        name = without_middle(name, letters - 1)
    if escaped:
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    kept = (c if c.isprintable() else " " if c.isspace() else "" for c in name)
    return " ".join("".join(kept).split())


def brief(name: str) -> str:
    """A name as formulas have it."""
    return cleaned(name, _LONGEST)


def without_middle(text: str, many: int) -> str:
    """So many letters of a text, from both its ends.

    >>> without_middle("a long name", 4)
    'a…me'
    """
    first = (many + 1) // 2
    return f"{text[:first].rstrip()}…{text[len(text) - (many - first) :].lstrip()}"
