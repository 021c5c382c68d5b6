"""Which initialiser, which activation, which optimiser? All of them on one deep network.

A network with six narrow hidden layers reads digits: deep enough that the signal dies or explodes
on its way up where the weights begin too small or too large, and the gradient on its way back.
Every initialiser meets every activation and every optimiser (each with a learning rate that suits
it); what counts is the accuracy on 450 digits held out, after the same few epochs.

Expected, in about half a minute (learned: at least 80% right; 10% is a guess):

- weights that begin at zero learn nothing, those close to zero never enough;
- weights of size 1 diverge (×) with SGD where the activation does not bound the signal;
- He's and Glorot's initialisers learn most often, with tanh, relu and gelu, the default one less;
- sigmoid, whose slope of at most 1/4 takes the gradient away layer by layer, learns from weights of
  size 1 if at all, with which every other activation fails;
- Adam, whose steps do not depend on the size of the gradient, learns in 10 of 24 cases, SGD with
  momentum in 6, without it in 4.

The conclusions at the end are drawn from the numbers of your run, not from this text.

    python demos/compare.py                    # or, without installing: python -m demos.compare
    python demos/compare.py --depth 1          # a shallow network forgives much more
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from demos import tools  # noqa: E402

INITIALISERS = {
    "zeros": "zeros",
    "std 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
    "std 1": lambda weight: nn.init.normal_(weight, std=1.0),
    "default": None,  # PyTorch's: uniform, up to 1/sqrt(inputs), and so the biases
    "Glorot": "xavier_uniform",
    "He": "kaiming_normal",
}
ACTIVATIONS = ["sigmoid", "tanh", "relu", "gelu"]
OPTIMISERS = {
    "SGD": lambda parameters: nn.optim.SGD(parameters, lr=0.2),
    "momentum": lambda parameters: nn.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: nn.optim.Adam(parameters, lr=0.003),
}
LEARNED = 0.8  # of the digits held out right; less is a failure


class Rounded(nn.Callback):
    """Rounds the weights after each step: what the last digits of two machines differ by would
    grow, for deep networks are chaotic, to another accuracy; what is rounded away cannot."""

    def on_batch_end(self, trainer):
        for weight in trainer.model.parameters():
            weight.data = np.round(weight.data, 6)
            if np.max(np.abs(weight.data)) > 1e6:
                raise FloatingPointError("diverged")


def accuracy(data, initialiser, activation, optimiser, args):
    """On digits held out, after training; nan where training diverged."""
    x_train, x_test, y_train, y_test = data
    nn.manual_seed(args.seed)  # the same batches in the same order for all
    sizes = [64] + args.depth * [args.width] + [10]
    model = nn.MLP(sizes, activation, init=INITIALISERS[initialiser], dtype=np.float64)
    optimizer = OPTIMISERS[optimiser](model.parameters())
    trainer = nn.Trainer(model, optimizer, nn.CrossEntropyLoss())
    with np.errstate(over="ignore", invalid="ignore"):  # to diverge is part of the lesson
        try:
            settings = {"batch_size": 64, "callbacks": [Rounded()], "progress": False}
            trainer.fit(x_train, y_train, epochs=args.epochs, **settings)
        except FloatingPointError:  # the loss was nan or infinite, or a weight huge
            return np.nan
        return np.mean(np.argmax(trainer.predict(x_test), axis=1) == y_test)


def show_conclusions(results):
    """What the numbers say; `results` is an array by optimiser, initialiser, activation."""
    learned = results >= LEARNED  # nan is not
    score = np.nan_to_num(results)
    print(f"\nhow often each learned, that is, came to {LEARNED:.0%} or more:")
    for what, names, axis in (
        ("initialiser", INITIALISERS, 1), ("activation", ACTIVATIONS, 2),
        ("optimiser", OPTIMISERS, 0),
    ):  # fmt: skip
        others = tuple({0, 1, 2} - {axis})
        counts = zip(names, learned.sum(axis=others))
        of = f"{what}, of {learned.size // len(names)}: "
        print("  " + of + ", ".join(f"{name} {n}" for name, n in counts))
    for k, activation in enumerate(ACTIVATIONS):
        mean = score[:, :, k].mean(axis=0)
        best = list(INITIALISERS)[np.argmax(mean)]
        print(f"best initialiser for {activation}: {best}, {mean.max():.1%} on average")
    place = np.unravel_index(np.argmax(score), score.shape)
    names = [list(group)[k] for group, k in zip((OPTIMISERS, INITIALISERS, ACTIVATIONS), place)]
    print(f"best of all: {' + '.join(names)}, {score.max():.1%}")
    print(f"{learned.sum()} of {learned.size} learned, {np.isnan(results).sum()} diverged")


def draw(results, path):
    """A heat map for each optimiser: initialisers down, activations across."""
    figure = tools.new_figure(9, 3)
    if figure is None:
        return
    for axes, optimiser, table in zip(figure.subplots(1, 3, sharey=True), OPTIMISERS, results):
        axes.imshow(table, cmap="Blues", vmin=0, vmax=2, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            text = "×" if np.isnan(value) else f"{100 * value:.0f}"
            colour = "black" if value >= LEARNED else tools.RED
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_title(optimiser)
        axes.set_xticks(range(len(ACTIVATIONS)), ACTIVATIONS)
        axes.set_yticks(range(len(INITIALISERS)), INITIALISERS)
        axes.tick_params(length=0)
    note = f"% of digits held out read right; red: less than {LEARNED:.0%}; ×: diverged"
    figure.supxlabel(note, fontsize=10)
    tools.save_picture(figure, path)


def main():
    parser = tools.options(__doc__, picture="compare.png")
    parser.add_argument("--depth", type=tools.count, default=6, help="hidden layers (6)")
    parser.add_argument("--width", type=tools.count, default=32, help="units in each (32)")
    parser.add_argument("--epochs", type=tools.count, help="(12, or 3 if --quick)")
    args = parser.parse_args()
    args.epochs = args.epochs or (3 if args.quick else 12)

    nn.manual_seed(args.seed)
    x, y = tools.digits()
    data = nn.train_test_split(x, y, test_size=450, stratify=y)

    results = np.full((len(OPTIMISERS), len(INITIALISERS), len(ACTIVATIONS)), np.nan)
    print(f"{'':22}" + "".join(f"{activation:>8}" for activation in ACTIVATIONS))
    for i, optimiser in enumerate(OPTIMISERS):
        for j, initialiser in enumerate(INITIALISERS):
            print(f"{optimiser:<10}{initialiser:<12}", end="", flush=True)
            for k, activation in enumerate(ACTIVATIONS):
                results[i, j, k] = accuracy(data, initialiser, activation, optimiser, args)
                text = "×" if np.isnan(results[i, j, k]) else f"{results[i, j, k]:.1%}"
                print(f"{text:>8}", end="", flush=True)
            print()
    show_conclusions(results)
    draw(results, args.save)


if __name__ == "__main__":
    main()
