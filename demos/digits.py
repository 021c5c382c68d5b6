"""A network learns to read handwritten digits.

1,797 images of 8 by 8 pixels: 1,347 to learn from, 450 to test on, every digit in proportion. The
network is a chain of two affine maps with a relu between them,

    64 pixels -> hidden units -> 10 logits, one for each digit,

trained by Adam on the cross-entropy. The labels are smoothed: a tenth of the probability is spread
over all digits, which keeps the network from learning 1,347 images by heart (and the loss above
0.50, the entropy of such a label, also with every image right). Expected after 40 epochs, in one or
two seconds: a loss of about 0.52, and a test accuracy of about 98.5% on average over the seeds 0 to
4, and at least 97% for each. The settings were chosen with other seeds, by the accuracy on a part
held back from their training images (other splits, but of the same 1,797 images).

    python demos/digits.py                     # or, without installing: python -m demos.digits
    python demos/digits.py --hidden 32 --epochs 60 --seed 3
"""

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the packages beside this folder, installed or not

import nn  # noqa: E402
from autograd import no_grad  # noqa: E402

TEST_IMAGES = 450
SMOOTHING = 0.1  # of each label, spread over all digits
SHADES = " .:-=+*#@"


def load():
    """Images (1797, 64) with values from -1 to 1, and labels (1797,) from 0 to 9."""
    with np.load(HERE / "data" / "digits.npz", allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    return (images.reshape(len(images), 64) / 8 - 1).astype(np.float32), labels.astype(np.int64)


def stratified_split(labels, count, rng):
    """Indices (train, test): `count` for the test, with every label in proportion."""
    order = rng.permutation(len(labels))
    by_label = order[np.argsort(labels[order], kind="stable")]  # all zeros, all ones, ...
    chosen = np.arange(count) * len(labels) // count  # places at even distances in it
    return np.delete(by_label, chosen), by_label[chosen]


def train_epoch(model, loss_function, optimizer, images, labels, rng, batch_size):
    """One pass over the training images in a random order; the mean loss of its batches."""
    losses = []
    order = rng.permutation(len(images))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        optimizer.zero_grad()
        loss = loss_function(model(images[batch]), labels[batch])  # forward: records the graph
        loss.backward(retain_graph=False)  # the gradient of every parameter
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


def predict(model, images):
    """The digit with the largest logit, for each image."""
    with no_grad():
        return np.argmax(model(images), axis=1)


def accuracy(model, images, labels):
    return np.mean(predict(model, images) == labels)


def least_loss():
    """The cross-entropy of the best guess there is at a smoothed label: the label itself."""
    label = np.full(10, SMOOTHING / 10)
    label[0] += 1 - SMOOTHING
    return -np.sum(label * np.log(label))


def show(images, labels, predictions):
    """Images side by side as text, with what they are and what the network takes them for."""
    for row in range(8):
        lines = images.reshape(-1, 8, 8)[:, row]
        print("   ".join("".join(2 * SHADES[round(4 * v) + 4] for v in line) for line in lines))
    for label, digit in zip(labels, predictions):
        note = f"{label}, read as {digit}"
        print(f"{note:<16}", end="   ")
    print()


def main():
    parser = argparse.ArgumentParser(description="Train a network on handwritten digits.")
    parser.add_argument("--epochs", type=int, help="passes over the images (40, or 5 if --quick)")
    parser.add_argument("--seed", type=int, default=0, help="of split, weights and order (0)")
    parser.add_argument("--hidden", type=int, default=128, help="hidden units (128)")
    parser.add_argument("--lr", type=float, default=0.003, help="learning rate of Adam (0.003)")
    parser.add_argument("--batch-size", type=int, default=32, help="images in a step (32)")
    parser.add_argument("--quick", action="store_true", help="only 5 epochs")
    args = parser.parse_args()
    if args.epochs is None:
        args.epochs = 5 if args.quick else 40
    for name in ("epochs", "hidden", "batch_size"):
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if args.seed < 0 or not 0 < args.lr < 100:
        parser.error("--seed must be at least 0, and --lr between 0 and 100")

    rng = np.random.default_rng(args.seed)
    images, labels = load()
    train, test = stratified_split(labels, TEST_IMAGES, rng)
    print(f"{len(train)} images to train on, {len(test)} to test")

    nn.manual_seed(args.seed)
    model = nn.Sequential(nn.Linear(64, args.hidden), nn.ReLU(), nn.Linear(args.hidden, 10))
    loss_function = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    optimizer = nn.optim.Adam(model.parameters(), lr=args.lr)
    print(model)

    print("epoch    loss   train    test")
    for epoch in range(1, args.epochs + 1):
        loss = train_epoch(
            model, loss_function, optimizer, images[train], labels[train], rng, args.batch_size
        )
        on_train = accuracy(model, images[train], labels[train])
        on_test = accuracy(model, images[test], labels[test])
        print(f"{epoch:5}  {loss:.4f}  {on_train:.2%}  {on_test:.2%}", flush=True)

    predictions = predict(model, images[test])
    print(f"\nno loss gets below {least_loss():.2f}, even with every image right:")
    print(f"labels are smoothed, {SMOOTHING:.0%} of each is spread over all digits")
    print(f"\ntest accuracy {np.mean(predictions == labels[test]):.2%}\n")
    some = rng.choice(len(test), 5, replace=False)
    show(images[test][some], labels[test][some], predictions[some])


if __name__ == "__main__":
    main()
