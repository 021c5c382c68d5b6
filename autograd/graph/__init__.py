"""The recorded graph as plain data: its steps, its gradients, its names, fewer of its nodes.

May import: nothing of this project.
"""

__all__: list[str] = []
