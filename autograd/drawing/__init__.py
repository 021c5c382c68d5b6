"""Drawing graphs: `layout` places the nodes, `writers` write them; Graph is what people hold.

May import: nothing of this project.
"""

__all__: list[str] = []
