"""How ill in a year? A network predicts a number, and meets an honest rival: linear regression.

442 diabetes patients, ten measurements of each (age, sex, body mass, blood pressure, six of the
blood), and how far the disease had come a year later. The loss is the squared error of standardised
numbers; the figure is R² on the quarter of the patients that is held out: 1 is perfect, and 0 no
better than to answer the mean every time.

With so few patients the danger is to learn them by heart. Two things are done against it: weight
decay pulls all weights towards 0, and early stopping watches a fifth of the training part, ends
training when the loss there gets no better, and takes the best weights back.

The rival is linear regression, by `np.linalg.lstsq`. On this data it is hard to beat: expect R² of
about 0.46 from either, on average over many splits, and anything from 0.35 to 0.6 on a single one.
That is why several splits are made (5, in a few seconds): one would prove nothing about which of
the two is better.

    python demos/regression.py                 # or, without installing: python -m demos.regression
    python demos/regression.py --splits 20 --hidden 64 --weight-decay 0.01
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from demos import tools  # noqa: E402


def linear_regression(x, y):
    """The least-squares plane through the points, as a function of x."""

    def with_ones(x):  # their coefficient is the intercept
        return np.column_stack([x, np.ones(len(x))])

    coefficients = np.linalg.lstsq(with_ones(x), y, rcond=None)[0]
    return lambda x: with_ones(x) @ coefficients


def network(x, y, args):
    """A network that has learned, as a function of x; and the epoch whose weights it has."""
    model = nn.Sequential(nn.Linear(x.shape[1], args.hidden), nn.ReLU(), nn.Linear(args.hidden, 1))
    optimizer = nn.optim.AdamW(model.parameters(), lr=0.003, weight_decay=args.weight_decay)
    stopping = nn.EarlyStopping("val_loss", patience=args.patience)
    trainer = nn.Trainer(model, optimizer, nn.MSELoss())
    settings = {"epochs": args.epochs, "validation_split": 0.2, "progress": False}
    trainer.fit(x, (y - y.mean()) / y.std(), callbacks=[stopping], **settings)
    return lambda x: y.mean() + y.std() * trainer.predict(x), stopping.best_epoch


def compare(x, y, args):
    """Both on a new split: what they are, the epoch, and the parts (x, y) of the patients."""
    x_train, x_test, y_train, y_test = nn.train_test_split(x, y)
    x_train, x_test = nn.standardize(x_train, x_test)  # by mean and deviation of the training part
    linear = linear_regression(x_train, y_train)
    learned, epoch = network(x_train, y_train, args)
    return (linear, learned), epoch, ((x_train, y_train), (x_test, y_test))


def draw(first, scores, path):
    """Left, the first split: predicted against measured. Right: R² held out, of every split."""
    figure = tools.new_figure(8, 3.6)
    if figure is None:
        return
    left, right = figure.subplots(1, 2)
    left.plot([20, 350], [20, 350], color=tools.GREY, label="perfect")
    models, _, (_, (x, y)) = first
    names, colours = ("linear regression", "network"), (tools.ORANGE, tools.BLUE)
    for k, (model, name, colour) in enumerate(zip(models, names, colours)):
        left.plot(y, model(x), ".", color=colour, label=name)
        places = np.arange(len(scores)) + 0.8 + 0.4 * k
        right.bar(places, [score[2 * k + 1] for score in scores], 0.4, color=colour)
    left.set(title="patients held out, first split", xlabel="measured", ylabel="predicted")
    left.legend()
    right.set(title="R² on patients held out", xlabel="split", xticks=range(1, len(scores) + 1))
    tools.save_picture(figure, path)


def main():
    parser = tools.options(__doc__, picture="regression.png")
    parser.add_argument("--splits", type=tools.count, help="(5, or 1 if --quick)")
    parser.add_argument("--epochs", type=tools.count, default=300, help="at most (300)")
    parser.add_argument("--hidden", type=tools.count, default=16, help="hidden units (16)")
    parser.add_argument("--weight-decay", type=tools.not_negative, default=1.0, help="(1)")
    parser.add_argument("--patience", type=tools.count, default=20, help="epochs (20)")
    args = parser.parse_args()
    nn.manual_seed(args.seed)

    data = tools.load("diabetes")
    x, y = data["features"], data["targets"].reshape(-1, 1)  # a column, as the network's output
    first, scores = None, []
    print("         linear regression         network")
    print("split   training held out   training held out   of epoch")
    for split in range(1, (args.splits or (1 if args.quick else 5)) + 1):
        models, epoch, parts = compared = compare(x, y, args)
        first = first or compared
        scores.append([nn.r2_score(model(a), b) for model in models for a, b in parts])
        figures = "{:11.3f}{:9.3f}{:11.3f}{:9.3f}".format(*scores[-1])
        print(f"{split:5}{figures}{epoch:11}", flush=True)

    _, linear, _, learned = np.mean(scores, axis=0)
    print(f"R² held out, mean of {len(scores)}: linear {linear:.3f}, network {learned:.3f}")
    draw(first, scores, args.save)


if __name__ == "__main__":
    main()
