"""Drawing and explaining graphs: recorded, folded, placed, written.

May import: nothing of this project.
"""

__all__: list[str] = []
