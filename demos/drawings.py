"""What the demos share that draw graphs: options, saving, drawings side by side.

Nothing here computes a gradient; the lessons are in the other files.
"""

import argparse
import re
from pathlib import Path

import numpy as np

from demos import tools

FORMATS = ("svg", "html", "txt", "mmd", "dot", "png", "pdf")
SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
BOX = re.compile(r'<rect [^>]*?x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"')

# ---- options ------------------------------------------------------------------------------------


def options(document, formats=FORMATS):
    """A parser for the demos that draw graphs: --seed, --save FOLDER and --formats."""
    parser = argparse.ArgumentParser(description=document.split("\n")[0])
    note = "random numbers; 0 (without --seed, too) are the usual ones"
    parser.add_argument("--seed", type=tools.natural, default=0, help=note)
    note = "where the drawings go; made if it is not there (./drawings)"
    parser.add_argument("--save", type=folder, default="drawings", metavar="FOLDER", help=note)
    usual = [name for name in formats if name in ("svg", "html")]
    note = f"some of {', '.join(formats)} (usual: {' '.join(usual)})"
    kinds = {"nargs": "*", "choices": formats, "default": usual, "metavar": "FORMAT"}
    parser.add_argument("--formats", help=note, **kinds)
    return parser


def folder(text):
    """For argparse's `type`: a folder to write into, in one that exists."""
    path = Path(text)
    if not path.resolve().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a file, not a folder")
    return path


# ---- saving -------------------------------------------------------------------------------------


def save_graph(graph, args, name):
    """Write a graph in each of --formats into the folder --save, and say so."""
    args.save.mkdir(exist_ok=True)
    for suffix in args.formats:
        path = args.save / f"{name}.{suffix}"
        graph.save(path)
        print(f"saved {path}")


def write_text(path, text):
    """A text file, the same bytes on every system."""
    Path(path).write_text(text, encoding="utf-8", newline="\n")


# ---- drawings with other numbers, and beside each other ------------------------------------------


def panel(title, subtitle, graph, gradients, along):
    """A graph drawn with other numbers, for `save_panels`; what differs from it is ringed.

    The numbers are gradients by id of the node, and contributions by number of the edge. What has
    no gradient, constants above all, stays as it is.
    """
    wrong = {
        node.id: f"should be {node.gradient:.4g}"
        for node in graph.nodes
        if node.gradient is not None and not np.isclose(node.gradient, gradients[node.id])
    }
    nodes = [
        node if node.gradient is None else node._replace(gradient=np.asarray(gradients[node.id]))
        for node in graph.nodes
    ]
    edges = [
        edge if edge.contribution is None else edge._replace(contribution=np.asarray(along[k]))
        for k, edge in enumerate(graph.edges)
    ]
    drawn = type(graph)(graph.data._replace(nodes=tuple(nodes), edges=tuple(edges)))
    return title, subtitle, drawn.to_svg(), wrong


def save_panels(panels, args, name):
    """Panels side by side in one SVG, if that is among --formats."""
    if "svg" in args.formats:
        args.save.mkdir(exist_ok=True)
        write_text(args.save / f"{name}.svg", side_by_side(panels))
        print(f"saved {args.save / name}.svg")


def side_by_side(panels):
    """One SVG of several, each below title and subtitle, with red rings around what is wrong."""
    parts, right, bottom = [], 0.0, 0.0
    for k, (title, subtitle, svg, wrong) in enumerate(panels, 1):
        width, height = (float(size) for size in SIZE.search(svg).groups())
        middle = f'x="{right + width / 2:g}" text-anchor="middle"'
        parts += [
            f'<text class="ink" {middle} y="26" font-size="17" font-weight="bold" '
            f'fill="#1b1f24">{title}</text>',
            f'<text class="quiet" {middle} y="46" font-size="13" fill="#5a636d">{subtitle}</text>',
            ringed(svg, wrong).replace(' id="', f' id="panel{k}-')
            .replace("<svg ", f'<svg x="{right:g}" y="66" ', 1).rstrip(),
        ]  # fmt: skip
        right, bottom = right + width, max(bottom, height + 66)
    style = re.search("<style>.*?</style>", panels[0][2], re.DOTALL).group()
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chalkgrad" role="img" '
        f'width="{right:g}" height="{bottom:g}" viewBox="0 0 {right:g} {bottom:g}" '
        'font-family="Helvetica, Arial, sans-serif">',
        style,
        '<rect class="paper" width="100%" height="100%" fill="#ffffff"/>',
        *parts,
        "</svg>\n",
    ])  # fmt: skip


def ringed(svg, wrong):
    """An SVG with a red ring around some nodes, and a few words above it."""
    for node, words in wrong.items():
        start = svg.index(f'data-node="{node}"')
        x, y, width, height = map(float, BOX.search(svg, start).groups())
        ring = (
            f'<g class="ring"><rect class="alarm-line" x="{x - 6:g}" y="{y - 6:g}" '
            f'width="{width + 12:g}" height="{height + 12:g}" rx="14" fill="none" '
            f'stroke="#c04a00" stroke-width="2.5" stroke-dasharray="7 4"/>'
            f'<text class="alarm" x="{x + width / 2:g}" y="{y - 11:g}" text-anchor="middle" '
            f'font-weight="bold" fill="#c04a00">{words}</text></g>'
        )
        end = svg.index("</g>", start)
        svg = svg[: end + 4] + ring + svg[end + 4 :]
    return svg
