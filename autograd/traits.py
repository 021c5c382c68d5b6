"""What an operation says of itself to those who read: its formula, its sign, how it is written."""

from __future__ import annotations

from typing import Any

__all__: list[str] = []


class Traits:
    """What an operation says of itself to those who read: plain data, and all that drawings and
    explanations know of it beside its name."""

    __slots__ = (
        "elementwise", "formula", "names", "parts", "pattern", "rectifies", "ruled", "sign",
        "symmetric",
    )  # fmt: skip

    def __init__(
        self, formula: str | None = None, parts: tuple[str | dict[str, str], ...] = (),
        sign: str | None = None, pattern: str | None = None, elementwise: bool | None = None,
        symmetric: bool = False,
    ) -> None:  # fmt: skip
        self.formula = formula  # the derivative in symbols: "g x2, g x1"
        self.parts = parts  # one formula for each rule; of a list argument one a member, by name
        self.sign = sign  # "×"
        self.pattern = pattern  # how it is written with its arguments: "{}·{}"
        self.elementwise = elementwise  # None: it does not say
        self.symmetric = symmetric  # whether its arguments may stand in any order
        self.rectifies = False  # whether a unit that is 0 hands no gradient back
        self.names: tuple[str, ...] = ()  # how the rules call the arguments
        self.ruled: tuple[bool, ...] = ()  # which of them have a rule


def check_said(
    name: str, rules: int, formula: Any, sign: Any, pattern: Any, shows: Any = None
) -> None:
    """What is said wrongly would first be seen in a drawing, far from its cause."""
    parts = formula if isinstance(formula, tuple) else ()
    if not all(isinstance(text, str) for part in parts or (formula or "",) for text in texts(part)):
        raise TypeError(
            f"{name}: formula is the derivative in symbols, as in formula='2 g x', or a tuple of "
            f"such texts; got {formula!r}"
        )
    if not (shows is None or (callable(shows) and hasattr(shows, "__name__"))):
        raise TypeError(
            f"{name}: shows is a function (y, *args) of what there is to see, called as that is; "
            f"got {shows!r}"
        )
    if parts and len(parts) != rules:
        raise TypeError(
            f"{name}: a tuple of formulas has one for each rule that is not None, here {rules}; "
            f"got {len(parts)}: {formula!r}"
        )
    for what, text in (("sign", sign), ("pattern", pattern)):
        if not isinstance(text, (str, type(None))):
            raise TypeError(f"{name}: {what} is a text, got {text!r}")
    if pattern is not None and not _is_pattern(pattern):
        raise TypeError(
            f"{name}: pattern has {{}} in the place of each argument and no other braces, as in "
            f"pattern='{{}} + {{}}'; got {pattern!r}"
        )


def texts(part: Any) -> tuple[Any, ...]:
    """The formulas in one part: of a list argument one for each member."""
    return tuple(part.values()) if isinstance(part, dict) and part else (part,)


def _is_pattern(pattern: str) -> bool:
    rest = pattern.replace("{}", "").replace("{index}", "")
    return "{}" in pattern and "{" not in rest and "}" not in rest
