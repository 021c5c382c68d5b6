"""The recorded graph as plain data: its steps, its gradients, its names, fewer of its nodes."""

__all__: list[str] = []
