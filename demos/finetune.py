"""Fine-tuning: what was learned on digits 0 to 4 helps with 5 to 9, where examples are few.

Each digit lies at a random place of a 12 by 12 field, so that a network must learn what a stroke is
wherever it lies; from few examples that is hard. The network

    144 pixels -> 256 -> 128 -> 5 logits

learns 0 to 4 from 901 images, at another place in every epoch, and is saved. Of 5 to 9 there are
only a few examples, each at one place:

- from scratch: a new network learns from them;
- fine-tuned: the saved one gets a new head, its body is frozen until half of the epochs are over,
  and then learns with it, at a smaller learning rate than the head's.

Expected, in 15 seconds, on all other images of 5 to 9, the mean of three runs: with 5 examples of
each digit 43% right against 31% from scratch, with 10 47% against 36%, with 50 70% against 67%. The
645 parameters of the head alone, of 70,661, win with few examples, but not with 50.

    python demos/finetune.py                   # or, without installing: python -m demos.finetune
    python demos/finetune.py --examples 2 20 --runs 5
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from demos import tools  # noqa: E402

FIELD = 12  # pixels in a row
SIZES = [FIELD * FIELD, 256, 128, 5]


def placed(images, rng):
    """Images (n, 64), each somewhere on an empty field: (n, 144)."""
    fields = np.full((len(images), FIELD, FIELD), -1, images.dtype)
    corners = rng.integers(0, FIELD - 8 + 1, (len(images), 2))
    for field, image, (row, column) in zip(fields, images, corners):
        field[row : row + 8, column : column + 8] = image.reshape(8, 8)
    return fields.reshape(len(images), -1)


def few_of_each(labels, examples, rng):
    """Indices of so many examples of each label, and of all others."""
    order = rng.permutation(len(labels))
    few = np.concatenate([order[labels[order] == k][:examples] for k in range(5)])
    return few, np.setdiff1d(order, few)


def pretrain(images, labels, epochs, rng, path):
    """Learn digits 0 to 4 and save what was learned."""
    model = nn.MLP(SIZES, "relu")
    optimizer = nn.optim.Adam(model.parameters(), lr=0.003)
    trainer = nn.Trainer(model, optimizer, nn.CrossEntropyLoss(), ["accuracy"])
    batches = nn.DataLoader(images, labels, shuffle=True, transform=lambda some: placed(some, rng))
    trainer.fit(batches, epochs=epochs, progress=False)
    nn.save(path, model)
    return trainer.evaluate(placed(images, rng), labels)["accuracy"]


def train(model, groups, few, rest, epochs):
    """Train the parameters in the groups on the few; the accuracy on the rest, epoch by epoch."""
    trainer = nn.Trainer(model, nn.optim.Adam(groups), nn.CrossEntropyLoss(), ["accuracy"])
    trainer.fit(*few, epochs=epochs, batch_size=10, validation_data=rest, progress=False)
    return trainer.history["val_accuracy"]


def from_scratch(parts, epochs):
    model = nn.MLP(SIZES, "relu")
    return train(model, [{"params": model.parameters(), "lr": 0.002}], *parts, epochs)


def loaded(path):
    """The saved network with a new head, and everything but the head frozen."""
    model = nn.MLP(SIZES, "relu")
    model.load_state_dict(nn.load(path))
    model[-1] = nn.Linear(128, 5)
    model[:-1].requires_grad_(False)
    return model


def fine_tuned(path, parts, epochs):
    model = loaded(path)
    head = [{"params": model[-1].parameters(), "lr": 0.005}]
    curve = train(model, head, *parts, epochs // 2)
    model.requires_grad_(True)
    groups = [
        {"params": model[:-1].parameters(), "lr": 0.001},
        {"params": model[-1].parameters(), "lr": 0.002},
    ]
    return curve + train(model, groups, *parts, epochs - epochs // 2)


def draw(curves, path):
    """A panel for each number of examples: the accuracy by epoch, both ways."""
    figure = tools.new_figure(9, 3)
    if figure is None:
        return
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (examples, runs) in zip(panels, curves.items()):
        names = {"from scratch": tools.RED, "fine-tuned": tools.BLUE}
        for curve, (name, colour) in zip(np.mean(runs, axis=0), names.items()):
            axes.plot(range(1, len(curve) + 1), curve, color=colour, label=name)
        axes.axvline(len(curve) // 2 + 0.5, color=tools.GREY, linestyle=":")
        axes.set(title=f"{examples} examples of each", xlabel="epoch", ylim=(0.1, 0.9))
    panels[0].set_ylabel("accuracy on all others")
    panels[-1].legend(loc="lower right")
    tools.save_picture(figure, path)


def main():
    parser = tools.options(__doc__, picture="finetune.png")
    parser.add_argument("--examples", type=tools.count, nargs="+", help="of each digit (5 10 50)")
    parser.add_argument("--runs", type=tools.count, help="to average (3, or 1 if --quick)")
    parser.add_argument("--epochs", type=tools.count, help="of each (30, or 10 if --quick)")
    args = parser.parse_args()
    epochs, several = args.epochs or (10 if args.quick else 30), args.examples or [5, 10, 50]
    if max(several) > 100 or epochs < 2:
        parser.error("--examples must be at most 100, and --epochs at least 2")

    x, y = tools.digits()
    old = y < 5
    curves = {examples: [] for examples in several}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits_0_to_4.npz"
        for seed in range(args.seed, args.seed + (args.runs or (1 if args.quick else 3))):
            rng = nn.manual_seed(seed)  # the library's own generator
            right = pretrain(x[old], y[old], epochs, rng, path)
            print(f"seed {seed}: pretrained on 0 to 4, {right:.1%} right", flush=True)
            fields, labels = placed(x[~old], rng), y[~old] - 5
            for examples, runs in curves.items():
                parts = [(fields[k], labels[k]) for k in few_of_each(labels, examples, rng)]
                runs.append((from_scratch(parts, epochs), fine_tuned(path, parts, epochs)))
        print(f"\nall of it trained:\n{nn.MLP(SIZES).summary(FIELD**2)}")
        print(f"\nloaded, with a new head, frozen but for that:\n{loaded(path).summary(FIELD**2)}")

    print("\nexamples of each   from scratch   new head   then all")
    for examples, runs in curves.items():
        scratch, tuned = np.mean(runs, axis=0)
        print(f"{examples:16}{scratch[-1]:15.1%}{tuned[epochs // 2 - 1]:11.1%}{tuned[-1]:11.1%}")
    draw(curves, args.save)


if __name__ == "__main__":
    main()
