"""How values, operations and rules are told: in numbers, in symbols, step by step."""

__all__: list[str] = []
