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
        self, formula: str | None = None, parts: tuple[str, ...] = (), sign: str | None = None,
        pattern: str | None = None, elementwise: bool | None = None, symmetric: bool = False,
    ) -> None:  # fmt: skip
        self.formula = formula  # the derivative in symbols: "g x2, g x1"
        self.parts = parts  # one formula for each rule, where they were given so
        self.sign = sign  # "×"
        self.pattern = pattern  # how it is written with its arguments: "{}·{}"
        self.elementwise = elementwise  # None: it does not say
        self.symmetric = symmetric  # whether its arguments may stand in any order
        self.rectifies = False  # whether a unit that is 0 hands no gradient back
        self.names: tuple[str, ...] = ()  # how the rules call the arguments
        self.ruled: tuple[bool, ...] = ()  # which of them have a rule


def check_said(name: str, rules: int, formula: Any, sign: Any, pattern: Any) -> None:
    """What is said wrongly would first be seen in a drawing, far from its cause."""
    parts = formula if isinstance(formula, tuple) else ()
    if not all(isinstance(part, str) for part in parts or (formula or "",)):
        raise TypeError(
            f"{name}: formula is the derivative in symbols, as in formula='2 g x', or a tuple of "
            f"such texts; got {formula!r}"
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


def _is_pattern(pattern: str) -> bool:
    rest = pattern.replace("{}", "").replace("{index}", "")
    return "{}" in pattern and "{" not in rest and "}" not in rest
