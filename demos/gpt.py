"""A GPT from nothing: it reads ten plays of Shakespeare, and goes on writing in their manner.

Text is a row of characters, and the network guesses each from those before it: OpenAI's GPT-2
(Radford et al., 2019) in small, trained by AdamW on windows from anywhere in nine tenths of them,

    64 characters -> 4 blocks, 128 wide, 4 heads -> at each place, logits of the next character

and measured on the last tenth, in nats a character (the mean cross-entropy; nothing was chosen by
it). Counts of single characters, pairs and triples give 3.32, 2.51 and 2.11. Expected after 2,000
steps, in some minutes: 1.77; after 10,000: 1.67. Watch it begin to write.

    python demos/gpt.py                        # or, without installing: python -m demos.gpt
    python demos/gpt.py --steps 10000 --checkpoint gpt.npz   # end it, start it again: it goes on
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from autograd import no_grad, softmax  # noqa: E402
from demos import plays, tools  # noqa: E402
from nn.functional import scaled_dot_product_attention  # noqa: E402

# What describes a run. The usual rate was chosen, of two, by the training loss of 300 steps.
USUAL = {"steps": 2000, "lr": 3e-3, "window": 64, "layers": 4, "width": 128, "heads": 4}
QUICK = {"steps": 200, "lr": 1e-2, "window": 32, "layers": 2, "width": 32, "heads": 2}
BATCH, SHOWN = 16, (1, 5, 20, 50)  # windows in a step; in percent of the steps


# ---- the network --------------------------------------------------------------------------------
# In shapes, n: rows of a batch, t: places in each, p: places before them, d: width / heads.


class Attention(nn.Module):
    """Each place looks at those before it for what it needs, and each head for something else."""

    def __init__(self, width, heads):
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def parts(self, x):  # (n, t, width)
        packed = self.qkv(x)  # (n, t, 3 width)
        packed = packed.reshape((*x.shape[:2], 3, self.heads, -1))  # (n, t, 3, heads, d)
        return packed.transpose((2, 0, 3, 1, 4))  # (3, n, heads, t, d)

    def forward(self, x, past=None):  # (n, t, width)
        q, k, v = self.parts(x)  # (n, heads, t, d) each: queries, keys, values
        if past is not None:  # a dict in which keys and values wait for the next call
            if self in past:
                k, v = (np.concatenate(x, axis=2) for x in zip(past[self], (k, v)))  # p + t places
            past[self] = k, v
        t, places = q.shape[2], k.shape[2]  # t, p + t
        seen = np.tri(t, places, places - t, dtype=bool)  # (t, p + t): nobody sees what comes later
        y = scaled_dot_product_attention(q, k, v, seen)  # (n, heads, t, d)
        y = y.transpose((0, 2, 1, 3)).reshape(x.shape)  # (n, t, width)
        return self.out(y)  # (n, t, width)


class Block(nn.Module):
    """Attention among places, then two affine maps at each; both add to what goes through."""

    def __init__(self, width, heads, dropout):
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gelu, self.dropout = nn.GELU("tanh"), nn.Dropout(dropout)

    def forward(self, x, past=None):  # (n, t, width)
        x = x + self.dropout(self.attention(self.norm1(x), past))  # (n, t, width)
        y = self.gelu(self.up(self.norm2(x)))  # (n, t, 4 width)
        return x + self.dropout(self.down(y))  # (n, t, width)


class GPT(nn.Module):
    def __init__(self, symbols, window, layers, width, heads, dropout):
        self.window = window
        self.characters, self.places = nn.Embedding(symbols, width), nn.Embedding(window, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = [Block(width, heads, dropout) for _ in range(layers)]
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, symbols, bias=False)
        for name, parameter in self.named_parameters():  # they begin as GPT-2's do
            if parameter.ndim == 2:  # smaller where blocks add, or the sum would grow with them
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * layers) if adds else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, numbers, past=None):  # (n, t)
        before = past[self.blocks[0].attention][0].shape[2] if past else 0  # p
        places = self.places(before + np.arange(np.shape(numbers)[1]))  # (t, width)
        x = self.dropout(self.characters(numbers) + places)  # (n, t, width)
        for block in self.blocks:
            x = block(x, past)  # (n, t, width)
        return self.head(self.norm(x))  # (n, t, symbols)


# ---- how it is measured, writes, and learns -----------------------------------------------------


def loss_of(model, windows):  # (n, t + 1)
    logits = model(windows[:, :-1])  # (n, t, symbols)
    logits = logits.reshape((-1, logits.shape[2]))  # (n t, symbols)
    return nn.CrossEntropyLoss()(logits, windows[:, 1:].reshape(-1))


def nats(model, numbers):
    """Nats a character of the model, in windows that do not overlap."""
    starts = np.arange(0, len(numbers) - model.window, model.window)
    windows = numbers[starts[:, None] + np.arange(model.window + 1)]
    parts = np.split(windows, range(32, len(windows), 32))
    with no_grad():
        losses = [loss_of(model, part).item() for part in parts]
    return np.average(losses, weights=[len(part) for part in parts])


def sample(model, numbers, count, temperature, top_k, rng):
    """Numbers, and `count` more, each drawn from the top_k likeliest; the hotter, the bolder.

    Only the newest goes through the network, for `past` keeps keys and values of those before it;
    these have their places, so when the window is full, its second half begins a new one.
    """
    numbers, half, past = list(numbers), model.window // 2, {}
    with no_grad():
        for k in range(count):
            new, past = (numbers[-half:], {}) if k % half == 0 else (numbers[-1:], past)
            logits = model([new], past).data[0, -1].astype(np.float64)  # (symbols,)
            logits[logits < np.sort(logits)[-top_k:][0]] = -np.inf
            numbers.append(int(rng.choice(len(logits), p=softmax(logits / temperature))))
    return numbers


def train(model, learned, run, checkpoint, show):
    """The loss of each step, and what show(step) gave at some; goes on from a checkpoint."""
    optimizer = nn.optim.AdamW(model.parameters(), lr=run["lr"], betas=(0.9, 0.99))
    steps, warm_up = run["steps"], 1 + run["steps"] // 20

    def rate(step):  # up for a twentieth of the steps, then down to a tenth, along a cosine
        turn = math.pi * max(0, step - warm_up) / (steps - warm_up + 1)
        return min((step + 1) / warm_up, 0.55 + 0.45 * math.cos(turn))

    scheduler = nn.optim.lr_scheduler.LambdaLR(optimizer, rate)
    rng = np.random.default_rng(run["seed"])
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "rng": rng}
    so_far = {"run": run, "losses": [], "shown": []}
    if checkpoint and checkpoint.exists():
        if (other := nn.load_checkpoint(checkpoint).get("run")) != run:
            sys.exit(f"gpt.py: {checkpoint} is of another run, {other}, not {run}")
        so_far = nn.load_checkpoint(checkpoint, **parts)
    for step in range(len(so_far["losses"]) + 1, steps + 1):
        model.train()
        starts = rng.integers(len(learned) - run["window"], size=BATCH)
        optimizer.zero_grad()
        loss = loss_of(model, learned[starts[:, None] + np.arange(run["window"] + 1)])
        loss.backward(retain_graph=False)
        nn.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        model.eval()  # without dropout
        so_far["losses"].append(loss.item())
        if step in [steps * percent // 100 for percent in SHOWN]:
            so_far["shown"].append(show(step))
        if checkpoint and (step % 100 == 0 or step == steps):
            nn.save_checkpoint(checkpoint, **parts, **so_far)
    return so_far["losses"], so_far["shown"]


def shares(model, numbers):
    """How much each place looks at each: of each block (heads, t, t). A head mixes the values by
    these shares, and where each place has a value of its own, the mixture tells them."""
    found, own = [], np.eye(len(numbers))  # (t, t): 1 at a place of its own
    for block in model.blocks:
        block.attention.register_forward_hook(lambda a, x, y: found.append(a.parts(x[0])[:2]))
    with no_grad():
        model([numbers])
        return [scaled_dot_product_attention(q, k, own, is_causal=True).data[0] for q, k in found]


def main():
    parser = tools.options(__doc__, picture="gpt.png")
    parser.add_argument("--steps", type=tools.count, help="(2000, or 200 if --quick)")
    parser.add_argument("--dropout", type=tools.share, default=0.0, help="share left out (0)")
    parser.add_argument("--checkpoint", type=tools.checkpoint, help="file to go on from (.npz)")
    parser.add_argument("--prompt", type=plays.prompt, default="ROMEO.\n", help="to go on from")
    parser.add_argument("--temperature", type=tools.positive, default=0.8, help="of them (0.8)")
    parser.add_argument("--top-k", type=tools.count, default=20, help="likeliest symbols (20)")
    args = parser.parse_args()
    run = {**(QUICK if args.quick else USUAL), "seed": args.seed, "dropout": args.dropout}
    run["steps"] = args.steps or run["steps"]

    tokeniser, learned, unseen = plays.load()
    symbols = len(tokeniser.symbols)
    guesses = [plays.nats_of_counts(learned, unseen, symbols, n) for n in (1, 2, 3)]
    print("nats a character by counts of 1, 2, 3:", *(f"{guess:.2f}" for guess in guesses))
    nn.manual_seed(args.seed)
    sizes = (run[name] for name in ("window", "layers", "width", "heads", "dropout"))
    model = GPT(symbols, *sizes).eval()
    rng = np.random.default_rng(args.seed)  # of the samples: training goes on as if there were none

    def show(step, count=160):
        found = nats(model, unseen)
        print(f"\nafter {step} steps, {found:.3f} nats a character of what it never saw:")
        numbers = sample(model, args.prompt, count, args.temperature, args.top_k, rng)
        print("    | " + tokeniser.decode(numbers).replace("\n", "\n    | "), flush=True)
        return [step, found]

    losses, shown = train(model, learned, run, args.checkpoint, show)
    shown.append(show(run["steps"], 600))
    line = "JULIET.\nO Romeo, Romeo!"
    looks = shares(model, tokeniser.encode(line))
    if figure := plays.draw(losses, shown, guesses, line, looks):
        tools.save_picture(figure, args.save)


if __name__ == "__main__":
    main()
