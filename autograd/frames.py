"""What the caller is doing, read from the interpreter's frames: where it stands, how it asks."""

from __future__ import annotations

import opcode
import sys
from types import FrameType

__all__: list[str] = []

_EXTENDED = opcode.opmap["EXTENDED_ARG"]
# `p.data += 1` looks p up once and uses it twice: Python copies it on its stack right before it
# asks for the attribute, and in no other statement.
_COPIES = {opcode.opmap.get("DUP_TOP"): None, opcode.opmap.get("COPY"): 1}  # until 3.10, since 3.11


def assigns_in_place(frame: FrameType) -> bool:
    """Whether the attribute that this frame asks for is being assigned to by `+=` or the like."""
    while frame.f_code.co_name == "data" and frame.f_back is not None:
        frame = frame.f_back  # a subclass's own property
    code, at = frame.f_code.co_code, frame.f_lasti - 2
    while at > 0 and code[at] == _EXTENDED:
        at -= 2
    return at >= 0 and code[at] in _COPIES and _COPIES[code[at]] in (None, code[at + 1])


def is_numpys(frame: FrameType, module: str = "numpy") -> bool:
    """Whether the code of this frame is NumPy's, or of one of its packages."""
    return f"{frame.f_globals.get('__name__')}.".startswith(f"{module}.")


# Until 3.10 and since 3.13 the names of keywords are a constant loaded right before the call.
_NAMES = {opcode.opmap.get("KW_NAMES"), opcode.opmap["LOAD_CONST"]}


def passes_keyword(frame: FrameType, name: str) -> bool:
    """Whether this frame is calling something with a keyword of that name."""
    code, constants = frame.f_code.co_code, frame.f_code.co_consts
    for at in range(frame.f_lasti - 2, max(frame.f_lasti - 12, 0), -2):
        if code[at] in _NAMES:
            number = code[at + 1] + (code[at - 1] << 8 if code[at - 2] == _EXTENDED else 0)
            names = constants[number] if number < len(constants) else None
            return isinstance(names, tuple) and name in names
    return False


def user_line() -> str:
    """'file:line in function' of the nearest caller outside of this library and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "").split(".")[0]
        if module not in ("autograd", "nn", "numpy"):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
