"""The writers: each is one function over a GraphData, and returns a str."""

__all__: list[str] = []
