"""Files: the state of a model, the checkpoint of a whole run; and MNIST's, for reading.

From the ground up: store writes bytes at once and seals them; entries is what a file may hold; npz
and tensors are the formats, among which formats chooses; state is a model's arrays by name;
values is plain values as JSON, of which run makes checkpoints; idx stands alone.
"""

from nn.files.formats import as_path
from nn.files.idx import load_idx
from nn.files.run import check_parts, load_checkpoint, save_checkpoint
from nn.files.state import load, save
from nn.files.store import CheckpointError, CheckpointNotFoundError

__all__ = [
    "CheckpointError",
    "CheckpointNotFoundError",
    "as_path",
    "check_parts",
    "load",
    "load_checkpoint",
    "load_idx",
    "save",
    "save_checkpoint",
]
