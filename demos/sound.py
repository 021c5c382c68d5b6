"""What speech.py learns from: recordings as log-mel energies, by NumPy and `wave`, and its data.

    samples -> windows of 25 ms, every 20 ms -> power at each frequency -> 24 bands -> logarithm

The bands are even on the mel scale, by which steps sound alike: narrow at 100 Hz, wide at 4,000.
The embedded digits were made in this way, as far as comparing them with fresh ones tells.
"""

import wave

import numpy as np

import nn
from demos import tools

RATE, WINDOW, HOP, SIZE = 8000, 200, 160, 256  # samples in a second, a window, a step; of the FFT
FRAMES, BANDS, LOW, HIGH = 40, 24, 100.0, 4000.0
SLOPE, ONE = 12.4, 178.0  # what a factor e of energy, and energy 1, are in numbers from 0 to 255
HUSH = 0.0015  # about the energy of the noise in the embedded digits; it hides what is below


def read(path):
    """The samples of a .wav at 8,000 in a second, one channel, the loudest 1.

    Takes integers of 8 to 32 bits, any rate. Raises ValueError for other kinds (most programs
    export "WAV, 16 bit") and for silence.
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            parts = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, width)
    except (EOFError, wave.Error) as error:
        raise ValueError(f"{path} is no WAV file of integers: {error}") from None
    numbers = np.zeros((len(parts), 4), np.uint8)
    numbers[:, 4 - width :] = parts ^ 128 if width == 1 else parts  # 8 bits have no sign
    samples = numbers.view("<i4").reshape(-1, channels).mean(axis=1)
    count = len(samples) * RATE // rate
    if count < WINDOW or samples.min() == samples.max():
        raise ValueError(f"there is nothing to hear in {path}")
    samples -= samples.mean()
    samples = np.fft.irfft(np.fft.rfft(samples), count)  # what is above 4,000 Hz falls away
    return samples / np.abs(samples).max()


def spoken(samples):
    """The part from the first to the last 20 ms that have at least 3% of the loudest's sound."""
    blocks = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    loudness = np.sqrt(np.mean(blocks**2, axis=1))
    heard = np.flatnonzero(loudness >= 0.03 * loudness.max())
    return samples[heard[0] * HOP : (heard[-1] + 1) * HOP]


def bands():
    """How much of each frequency (129, from 0 to 4,000 Hz) each band takes: triangles (24, 129)."""
    mels = np.linspace(*(2595 * np.log10(1 + hertz / 700) for hertz in (LOW, HIGH)), BANDS + 2)
    left, middle, right = (700 * (10 ** (m / 2595) - 1) for m in (mels[:-2], mels[1:-1], mels[2:]))
    hertz = np.linspace(0, RATE / 2, SIZE // 2 + 1)[:, None]
    rising, falling = (hertz - left) / (middle - left), (right - hertz) / (right - middle)
    return np.maximum(0, np.minimum(rising, falling)).T


def log_mel(samples):
    """A word as an image (40, 24) from -1 to 1: the first 0.8 seconds, -1 after a shorter one."""
    count = min(FRAMES, 1 + max(0, -(-(len(samples) - WINDOW) // HOP)))
    samples = np.append(samples, np.zeros(WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), SIZE)) ** 2
    image = np.zeros((FRAMES, BANDS), np.float32)
    image[:count] = np.clip(SLOPE * np.log(power @ bands().T + HUSH) + ONE, 0, 255)
    return image / 128 - 1


def hear(path):
    """The image of one recording."""
    return log_mel(spoken(read(path)))


# ---- data ---------------------------------------------------------------------------------------


_NAMES = ("American", "British", "Scottish", "RP", "Caribbean", "Lancaster", "Midlands")
ACCENTS = {name: range(13 * k, 13 * k + 13) for k, name in enumerate(_NAMES)}  # whose voices


def digits():
    """The embedded spoken digits: images (2730, 40, 24), labels, voices, names of the classes."""
    data = tools.load("spoken_digits")
    images = data["logmel"].astype(np.float32) / 128 - 1
    return images, data["digit"].astype(int), data["voice"], list("0123456789")


def vowels():
    """The embedded vowels, to train and to test: (frames, lengths), means, threes, speakers.

    Frames (B, 29, 12) are padded; each number has the mean 0 and the standard deviation 1 in the
    training part. The means (B, 12) are of the real frames, the threes (B, 36) the first, the
    middle and the last of them.
    """
    data, parts = tools.load("vowels"), []
    mean, std = data["frames"].mean(axis=0), data["frames"].std(axis=0)
    for part in ("", "test_"):
        lengths = data[part + "lengths"].astype(int)
        frames = np.split((data[part + "frames"] - mean) / std, np.cumsum(lengths)[:-1])
        padded = nn.pad_sequence(frames, batch_first=True).data
        means = np.stack([some.mean(axis=0) for some in frames])
        threes = np.stack([some[[0, len(some) // 2, -1]].ravel() for some in frames])
        parts.append(((padded, lengths), means, threes, data[part + "speaker"].astype(int)))
    return parts


def folder(path):
    """All recordings below a folder: images, labels, voices, and the names of the classes.

    A class is a folder: yes/anna_1.wav; what lies in none has it in its name: 7_anna_1.wav. What
    comes before the next "_" is the voice; where all have the same, each is taken for its own.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".wav")
    words, voices = [], []
    for file in files:
        word, _, rest = file.stem.partition("_")
        words.append(word if file.parent == path else file.parent.name)
        voices.append((rest if file.parent == path else file.stem).split("_")[0])
    names, labels = np.unique(words, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"two classes of .wav files are needed, there are {len(names)}")
    if len(set(voices)) == 1:
        voices = range(len(files))
    return np.stack([hear(file) for file in files]), labels, np.array(voices), names.tolist()


# ---- the picture --------------------------------------------------------------------------------


def draw(figure, images, steps, labels, names):
    """Words that were heard rightly at last, and the two most wrong: sound above, heard below."""
    means = steps.mean(axis=1)
    order = np.argsort(means[np.arange(len(labels)), labels])  # of the right one's probability
    right = order[np.argmax(means[order], axis=1) == labels[order]]
    late = np.sort(np.unique(labels[right], return_index=True)[1])[:3]  # each of another class
    shown = [*right[late], *order[:2]]
    panels = figure.subplots(2, len(shown), sharex=True, sharey="row", height_ratios=(2, 3))
    for (above, below), k in zip(panels.T, shown):
        heard = np.argmax(means[k])
        above.imshow(
            images[k].T, cmap="magma", origin="lower", extent=(0, 0.8, 0, BANDS), aspect="auto"
        )
        extent = (0, 0.8, len(names) - 0.5, -0.5)
        below.imshow(steps[k].T, cmap="Blues", vmin=0, vmax=1, extent=extent, aspect="auto")
        below.axhspan(labels[k] - 0.5, labels[k] + 0.5, fill=False, edgecolor=tools.GREY)
        colour = tools.BLUE if heard == labels[k] else tools.RED
        above.set_title(f"said {names[labels[k]]}, heard {names[heard]}", color=colour)
        below.set(xlabel="seconds", yticks=range(len(names)), yticklabels=names)
    panels[0, 0].set(ylabel="Hz", yticks=(0, 11.5, BANDS), yticklabels=("100", "1,100", "4,000"))
    panels[1, 0].set_ylabel("heard at each moment")
