"""Two moons: a small network bends a line between two classes, and the picture shows it bend.

Each class is a noisy half circle, and no straight line parts them. The network

    2 coordinates -> 16 units, tanh -> 16 units, tanh -> 2 logits, one for each class

is trained by Adam on the cross-entropy of 300 points; 1,000 others, made in the same way, judge it.
The picture shows the plane at some epochs, coloured by the probability of a class, with the line
where both are equally likely: first nearly straight, at last an S between the moons. Expected, in
about two seconds: about 88% of the other points right after 10 epochs, when the line has hardly
begun to bend, and in the end about 98.6%, at least 97%.

    python demos/moons.py                      # or, without installing: python -m demos.moons
    python demos/moons.py --noise 0.3 --seed 3 # moons that overlap: no line parts them wholly
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from autograd import no_grad, softmax  # noqa: E402
from demos import tools  # noqa: E402

TRAIN, TEST = 300, 1000
PANELS = (1, 3, 10, 30, 100)  # in percent of the epochs
LEFT, RIGHT, LOW, HIGH = -1.75, 2.75, -1.4, 1.9  # the part of the plane that is drawn


def moons(size, noise, rng):
    """Points (size, 2) and their classes (size,): half circles that reach into each other."""
    labels = rng.integers(0, 2, size)
    angle = rng.uniform(0, np.pi, size)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(labels[:, None] == 0, upper, lower)
    return points + rng.normal(0, noise, points.shape), labels


def accuracy(model, points, labels):
    with no_grad():
        return np.mean(np.argmax(model(points), axis=1) == labels)


def probabilities(model, columns=120, rows=90):
    """The probability of class 1 at each place of a grid over the plane."""
    x, y = np.meshgrid(np.linspace(LEFT, RIGHT, columns), np.linspace(LOW, HIGH, rows))
    with no_grad():
        return x, y, softmax(model(np.stack([x, y], axis=-1))).data[..., 1]


def draw(snapshots, points, labels, path):
    """A panel for each snapshot (epoch, accuracy, grid), side by side."""
    figure = tools.new_figure(2 * len(snapshots), 1.75)
    if figure is None:
        return
    for axes, (epoch, right, grid) in zip(figure.subplots(1, len(snapshots)), snapshots):
        axes.contourf(*grid, levels=np.linspace(0, 1, 11), cmap="RdBu_r", vmin=-0.6, vmax=1.6)
        axes.contour(*grid, levels=[0.5], colors="black", linewidths=1.5)
        for label, colour in enumerate((tools.BLUE, tools.RED)):
            axes.scatter(*points[labels == label].T, s=3, color=colour)
        axes.set_title(f"epoch {epoch}: {right:.1%}", fontsize=10)
        axes.set(xticks=[], yticks=[], aspect="equal")
    tools.save_picture(figure, path)


def main():
    parser = tools.options(__doc__, picture="moons.png")
    parser.add_argument("--epochs", type=tools.count, help="(100, or 40 if --quick)")
    parser.add_argument("--noise", type=tools.positive, default=0.15, help="of the points (0.15)")
    parser.add_argument("--hidden", type=tools.count, default=16, help="units in a layer (16)")
    parser.add_argument("--lr", type=tools.positive, default=0.01, help="of Adam (0.01)")
    args = parser.parse_args()
    epochs = args.epochs or (40 if args.quick else 100)

    rng = np.random.default_rng(args.seed)
    nn.manual_seed(args.seed)
    points, labels = moons(TRAIN, args.noise, rng)
    test_points, test_labels = moons(TEST, args.noise, rng)

    model = nn.MLP([2, args.hidden, args.hidden, 2], "tanh")
    batches = nn.DataLoader(points, labels, batch_size=50, shuffle=True)
    loss_function = nn.CrossEntropyLoss()
    optimizer = nn.optim.Adam(model.parameters(), lr=args.lr)
    shown = sorted({max(1, epochs * percent // 100) for percent in PANELS})
    snapshots = []

    print("epoch    loss  held out")
    for epoch in range(1, epochs + 1):
        for some_points, some_labels in batches:  # in another order every epoch
            optimizer.zero_grad()
            loss = loss_function(model(some_points), some_labels)
            loss.backward(retain_graph=False)
            optimizer.step()
        if epoch in shown:
            right = accuracy(model, test_points, test_labels)
            print(f"{epoch:5}  {loss.item():.4f}    {right:.1%}", flush=True)
            snapshots.append((epoch, right, probabilities(model)))

    print(f"accuracy on {TEST} points held out: {snapshots[-1][1]:.1%}")
    draw(snapshots, points, labels, args.save)


if __name__ == "__main__":
    main()
