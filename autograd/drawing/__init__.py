"""Drawing graphs: `layout` places the nodes, `writers` write them; Graph is what people hold."""

__all__: list[str] = []
