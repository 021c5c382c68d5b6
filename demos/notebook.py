"""Runs tutorial.ipynb in plain Python and stores what its cells show; Jupyter is not needed.

`python -m demos --notebook` makes the stored outputs anew, after the text or the library has
changed.
"""

import ast
import contextlib
import io
import json
import re
from pathlib import Path

from demos import drawings

TUTORIAL = Path(__file__).resolve().parent / "tutorial.ipynb"
ANSWER = re.compile(r"<details>.*?</details>", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def read(path=TUTORIAL):
    """A notebook as the dict that its JSON is."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write(notebook, path=TUTORIAL):
    """Write a notebook as Jupyter does: the same notebook gives the same bytes."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    drawings.write_text(path, text + "\n")


def remake(path=TUTORIAL):
    """Run all cells, and store their outputs in place of the old ones."""
    notebook = read(path)
    results = iter(run(notebook))
    for count, cell in enumerate(code_cells(notebook), 1):
        cell["outputs"], cell["execution_count"] = next(results), count
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
    write(notebook, path)


def code_cells(notebook):
    """The cells that run, in their order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook, answers=False):
    """The outputs of each code cell, in order; all run in one namespace.

    With `answers` the folded answers of the exercises run too, each in a copy of the namespace as
    it is where they stand. Raises what a cell raises.
    """
    namespace, outputs = {"__name__": "__main__"}, []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            outputs.append(run_cell(source, namespace, cell["id"]))
        elif answers:
            for code in answers_in(source):
                exec(compile(code, f"<answer in {cell['id']}>", "exec"), dict(namespace))
    return outputs


def answers_in(text):
    """The code in the folded answers of a text."""
    return [code for answer in ANSWER.findall(text) for code in CODE.findall(answer)]


def run_cell(source, namespace, name):
    """Run one cell as Jupyter would: what it prints, and the value of its last line."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), f"<{name}>", "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"<{name}>", "eval"), namespace)
    outputs = []
    if printed.getvalue():
        text = lines(printed.getvalue())
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        data = {kind: lines(text) for kind, text in shown(value).items()}
        outputs.append({"data": data, "metadata": {}, "output_type": "execute_result"})
    return outputs


def shown(value):
    """A value as Jupyter would show it: as text, and as a picture or Markdown if it can."""
    if hasattr(value, "_repr_mimebundle_"):
        bundle = value._repr_mimebundle_()
        bundle.pop("text/x-mermaid", None)  # nothing draws it
        return bundle
    bundle = {"text/plain": repr(value)}
    if hasattr(value, "_repr_markdown_"):
        bundle["text/markdown"] = value._repr_markdown_()
    return bundle


def lines(text):
    """A text as the list of lines that notebooks keep."""
    return text.splitlines(keepends=True)
