"""How values, operations and rules are told: in numbers, in symbols, step by step.

May import: nothing of this project.
"""

__all__: list[str] = []
