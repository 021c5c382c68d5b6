"""The writers: each is one function over a GraphData, and returns a str.

May import: nothing of this project.
"""

__all__: list[str] = []
