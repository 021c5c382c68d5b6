"""Files of arrays: what comes back, what is refused and how, atomic saving, other programs' files.

Damage to our own files, bit by bit, and checkpoints of whole runs are in test_checkpoints.py.
"""

import builtins
import contextlib
import io
import json
import os
import pickle
import stat
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import AutogradError, Tensor
from nn.files import CheckpointNotFoundError, formats
from tests import ROOT
from tests.makers import memory_of
from tests.twins import assert_cases

try:
    import safetensors.numpy  # noqa: F401

    has_safetensors = True
except ImportError:
    has_safetensors = False

needs_safetensors = pytest.mark.skipif(not has_safetensors, reason="needs safetensors")
SUFFIXES = [".npz", pytest.param(".safetensors", marks=needs_safetensors)]
both = pytest.mark.parametrize("suffix", SUFFIXES)
POSIX = os.name == "posix"
ROOT_USER = POSIX and os.geteuid() == 0

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


def values(dtype, shape=(3, 4)):
    """Among them the extremes of the dtype, and nan, inf and -0.0."""
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    if array.dtype.kind == "f":
        array.flat[:4] = [np.nan, -np.inf, -0.0, np.finfo(dtype).smallest_subnormal]
    elif array.dtype.kind in "iu":
        array.flat[:2] = [np.iinfo(dtype).min, np.iinfo(dtype).max]
    return array


def there_and_back(path, state):
    nn.save(path, state)
    return nn.load(path)


def same(a, b):
    """Equal bit for bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def left_over(folder):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def refuses(path, *words, like=None):
    """The one CheckpointError of load, whose text names the file and holds the words."""
    with pytest.raises(nn.CheckpointError) as caught:
        nn.load(path, like=like)
    text = str(caught.value)
    for word in (Path(path).name, *words):
        assert word in text
    return caught.value


# ---- there and back ---------------------------------------------------------------------------


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back_bit_for_bit(tmp_path, suffix, dtype):
    array = values(dtype)
    back = there_and_back(tmp_path / f"a{suffix}", {"a": array})["a"]
    assert same(back, array)


def test_the_widest_floats_are_for_npz(tmp_path):
    array = np.array([1, 3], np.longdouble) / 7
    assert same(there_and_back(tmp_path / "a.npz", {"a": array})["a"], array)


@needs_safetensors
@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="longdouble is float64 here")
def test_safetensors_refuses_the_widest_floats(tmp_path):
    with pytest.raises(nn.CheckpointError, match=r"a holds (longdouble|float\d+).*use .npz"):
        nn.save(tmp_path / "a.safetensors", {"a": np.ones(2, np.longdouble)})
    assert not os.listdir(tmp_path)


LAYOUTS = {
    "0-d": np.array(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "empty and 0-d axes": np.zeros((2, 0, 5), np.int8),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    "strided": np.arange(20)[::3],
    "backwards": np.arange(5.0)[::-1],
    "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
    "big-endian": np.arange(5, dtype=">f4"),
    "big-endian ints": np.arange(5, dtype=">i2"),
    "read-only": np.frombuffer(b"abcd", np.uint8),
    "many axes": np.arange(4.0).reshape((1,) * 30 + (4,)),
}


@both
@pytest.mark.parametrize("array", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_comes_back_equal_fresh_and_writable(tmp_path, suffix, array):
    back = there_and_back(tmp_path / f"a{suffix}", {"a": array})["a"]
    assert back.shape == array.shape and back.dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(back, array)
    assert back.dtype.isnative and back.flags.writeable and back.flags.c_contiguous


KINDS = {
    "Tensor": Tensor([1.0, 2.0], requires_grad=True),
    "list": [1.0, 2.0],
    "masked by nothing": np.ma.array([1.0, 2.0]),
    "dtype with metadata": np.array([1.0, 2.0], np.dtype("f8", metadata={"unit": "m"})),
}


@both
@pytest.mark.parametrize("value", KINDS.values(), ids=KINDS)
def test_what_can_be_an_array_is_stored_as_one(tmp_path, suffix, value):
    back = there_and_back(tmp_path / f"a{suffix}", {"a": value})["a"]
    assert type(back) is np.ndarray and same(back, np.array([1.0, 2.0]))


@both
def test_numbers_are_stored_as_arrays_without_axes(tmp_path, suffix):
    back = there_and_back(tmp_path / f"a{suffix}", {"a": 3, "b": np.float32(0.5)})
    assert same(back["a"], np.array(3)) and same(back["b"], np.array(0.5, np.float32))


NAMES = {
    "like a path": "a/b/c",
    "dots": "layers.0.weight",
    "with a suffix": "a.npy",
    "only a suffix": ".npy",
    "letters of the world": "größe 重み",
    "spaces and quotes": "  a 'b' \"c\" ",
    "long": "x" * 1000,
    "names of np.savez": "file",
    "a number": "0",
    "percent and braces": "%s {0} $HOME",
    "three dots": ".../a",
}


@both
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_come_back(tmp_path, suffix, name):
    state = {name: np.ones(2), "other": np.zeros(1)}
    assert list(there_and_back(tmp_path / f"a{suffix}", state)) == [name, "other"]


@both
def test_names_that_differ_by_case_or_suffix_stay_apart(tmp_path, suffix):
    state = {"a": 1, "A": 2, "a.npy": 3, "a.npy.npy": 4}
    back = there_and_back(tmp_path / f"a{suffix}", state)
    assert {name: int(value) for name, value in back.items()} == state


REFUSED_NAMES = {
    "empty": ("", "is empty"),
    "too long": ("x" * 1001, "more than 1000 characters"),
    "out of the folder": ("../a", "leads out"),
    "out of the folder, inside": ("a/../../b", "leads out"),
    "absolute": ("/etc/passwd", "leads out"),
    "backslash": ("a\\b", "backslash"),
    "NUL": ("a\0b", "cannot be printed"),
    "line break": ("a\nb", "cannot be printed"),
    "half a character": ("\ud800", "cannot be printed"),
    "our own": ("__chalkgrad__", "meaning of its own"),
    "safetensors' own": ("__metadata__", "meaning of its own"),
}


@both
@pytest.mark.parametrize("name, why", REFUSED_NAMES.values(), ids=REFUSED_NAMES)
def test_names_that_could_do_harm_are_refused_before_writing(tmp_path, suffix, name, why):
    with pytest.raises(ValueError, match=why) as caught:
        nn.save(tmp_path / f"a{suffix}", {"good": np.ones(1), name: np.ones(1)})
    assert "rename it" in str(caught.value) and len(str(caught.value)) < 300
    assert not os.listdir(tmp_path)


REFUSED_VALUES = {
    "complex": (np.ones(2, complex), "complex128"),
    "str": (np.array(["a"]), "str"),
    "bytes": (np.array([b"a"]), "bytes"),
    "date": (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
    "objects": (np.array([None, 1], object), "object.*save_checkpoint"),
    "None": (None, "object"),
    "a dict": ({"step": 3}, "object.*save_checkpoint"),
    "fields": (np.zeros(2, [("x", "f4"), ("y", "i4")]), "void"),
    "ragged": ([[1], [2, 3]], "is no array"),
}


@both
@pytest.mark.parametrize("value, words", REFUSED_VALUES.values(), ids=REFUSED_VALUES)
def test_values_that_are_not_real_numbers_are_refused_before_writing(
    tmp_path, suffix, value, words
):
    with pytest.raises(TypeError, match=f"save: odd .*{words}"):
        nn.save(tmp_path / f"a{suffix}", {"good": np.ones(1), "odd": value})
    assert not os.listdir(tmp_path)


def test_names_are_str(tmp_path):
    with pytest.raises(TypeError, match="the name 3 is a int, not a str"):
        nn.save(tmp_path / "a.npz", {3: np.ones(1)})


def test_a_state_is_a_module_or_a_dict(tmp_path):
    optimizer = nn.optim.SGD(nn.Linear(1, 1).parameters())
    with pytest.raises(TypeError, match="got SGD.*use save_checkpoint"):
        nn.save(tmp_path / "a.npz", optimizer)


@both
def test_an_empty_state_comes_back(tmp_path, suffix):
    assert there_and_back(tmp_path / f"a{suffix}", {}) == {}


@both
def test_a_module_comes_back(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model(np.random.default_rng(0).normal(size=(8, 3)))
    nn.save(path, model)
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    other.load_state_dict(nn.load(path, like=other))
    mine, its = model.state_dict(), other.state_dict()
    assert list(mine) == list(its) and all(same(mine[name], its[name]) for name in mine)


@both
def test_equal_states_give_equal_bytes(tmp_path, suffix):
    state = {f"n{k}": np.full(k, k) for k in range(20)}
    for name in ("a", "b"):
        nn.save(tmp_path / f"{name}{suffix}", state)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.skipif(sys.byteorder == "big", reason="the old files were written the other way round")
@pytest.mark.parametrize("name", ["end.npz", "model.npz"])
def test_the_bytes_are_those_of_old_files(tmp_path, name):
    old = ROOT / "tests" / "old" / name
    nn.save(tmp_path / name, nn.load(old))
    assert (tmp_path / name).read_bytes() == old.read_bytes()


@both
def test_the_order_is_kept(tmp_path, suffix):
    state = {"z": np.ones(1), "a": np.ones(1, "i1"), "m": np.ones(1)}
    assert list(there_and_back(tmp_path / f"a{suffix}", state)) == ["z", "a", "m"]


def test_numpy_reads_our_npz(tmp_path):
    state = {"layers.0.weight": values("f4"), "größe": values("i8")}
    nn.save(tmp_path / "a.npz", state)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert all(same(file[name], array) for name, array in state.items())
        assert set(file.files) == {*state, "__chalkgrad__"}
        notes = json.loads(bytes(file["__chalkgrad__"]))
    assert set(notes["sha256"]) == set(state)


@needs_safetensors
def test_the_library_reads_our_safetensors(tmp_path):
    state = {"layers.0.weight": values("f4"), "größe": values("i8")}
    nn.save(tmp_path / "a.safetensors", state)
    back = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert set(back) == set(state) and all(same(back[name], state[name]) for name in state)


def test_files_beyond_4_gigabytes_have_another_structure(tmp_path, monkeypatch):
    """Here beyond 1,000 bytes: sizes and places then stand in records of their own."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    state = {"a": np.arange(500.0), "b": np.arange(3), "c": np.arange(400)}
    back = there_and_back(tmp_path / "a.npz", state)
    assert b"PK\x06\x06" in (tmp_path / "a.npz").read_bytes()
    assert all(same(back[name], state[name]) for name in state)


# ---- paths ------------------------------------------------------------------------------------


def test_every_format_is_tried():
    assert_cases(
        formats._FORMATS,
        [getattr(s, "values", [s])[0] for s in SUFFIXES],
        f"SUFFIXES of {__name__}",
    )


@pytest.mark.parametrize("name", ["model", "model.pt", "model.npy", "model.npz.gz", "", ".npz/a"])
def test_other_suffixes_are_refused(tmp_path, name):
    path = str(tmp_path / "x") + name
    with pytest.raises(ValueError, match=r"must end in \.npz or \.safetensors"):
        nn.save(path, {})
    refuses(path, "must end in .npz or .safetensors")
    assert not os.listdir(tmp_path)


def test_a_file_of_torch_save_is_told_how_to_be_converted(tmp_path):
    refuses(tmp_path / "model.pt", "safetensors.torch.save_file(model.state_dict(), path)")


@both
def test_paths_are_str_or_path_and_suffixes_of_any_case(tmp_path, suffix):
    path = tmp_path / f"a{suffix.upper()}"
    nn.save(str(path), {"a": np.ones(1)})
    assert list(nn.load(path)) == list(nn.load(str(path))) == ["a"]


@pytest.mark.parametrize("path", [b"a.npz", 3, None, io.BytesIO()], ids=repr)
def test_what_is_no_path_is_a_type_error(path):
    for call in (lambda: nn.save(path, {}), lambda: nn.load(path)):
        with pytest.raises(TypeError, match="must be a str or a Path"):
            call()


@pytest.mark.parametrize("error", [nn.CheckpointError, CheckpointNotFoundError])
def test_errors_are_called_by_where_they_are_imported_from(error):
    assert error.__module__ == "nn.files"
    back = pickle.loads(pickle.dumps(error("why")))
    assert type(back) is error and str(back) == "why"


@both
def test_a_missing_file_is_file_not_found_too(tmp_path, suffix):
    error = refuses(tmp_path / f"a{suffix}", "there is no such file")
    assert isinstance(error, CheckpointNotFoundError) and isinstance(error, FileNotFoundError)
    assert isinstance(error, AutogradError) and isinstance(error, ValueError)


@both
def test_a_folder_is_no_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.mkdir()
    refuses(path, "is not a file")
    with pytest.raises(nn.CheckpointError, match="not a file"):
        nn.save(path, {})
    assert path.is_dir() and os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@both
def test_a_pipe_is_no_file_and_does_not_hang(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    os.mkfifo(path)
    refuses(path, "is not a file")
    with pytest.raises(nn.CheckpointError, match="not a file"):
        nn.save(path, {})


@both
def test_a_missing_folder_is_named(tmp_path, suffix):
    with pytest.raises(nn.CheckpointError, match="there is no folder .*runs.*makedirs"):
        nn.save(tmp_path / "runs" / f"a{suffix}", {})


def test_a_nul_in_the_path_is_refused(tmp_path):
    with pytest.raises(nn.CheckpointError, match="could not be written"):
        nn.save(f"{tmp_path}/a\0b.npz", {})
    with pytest.raises(nn.CheckpointError):
        nn.load(f"{tmp_path}/a\0b.npz")


def test_without_the_library_safetensors_says_how_to_get_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "safetensors":
            raise ImportError("no module named safetensors")
        return real(name, *args, **kwargs)

    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: nn.save(path, {}), lambda: nn.load(path)):
        with pytest.raises(ImportError, match=r'pip install "chalkgrad\[safetensors\]"'):
            call()
    assert path.read_bytes() == b"old"


# ---- all or nothing ---------------------------------------------------------------------------


@pytest.mark.skipif(not POSIX, reason="needs links")
@both
def test_what_a_link_points_to_is_replaced(tmp_path, suffix):
    real, link = tmp_path / "data" / f"real{suffix}", tmp_path / f"link{suffix}"
    real.parent.mkdir()
    link.symlink_to(real)
    for value in (1, 2):  # first the link points to nothing
        nn.save(link, {"a": value})
        assert link.is_symlink() and int(nn.load(real)["a"]) == int(nn.load(link)["a"]) == value
    assert os.listdir(real.parent) == [real.name]


@pytest.mark.skipif(not POSIX, reason="needs links")
def test_a_link_to_itself_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.symlink_to(path)
    with pytest.raises(nn.CheckpointError, match="could not be written"):
        nn.save(path, {})
    refuses(path, "cannot be read")
    assert path.is_symlink()


@pytest.mark.skipif(not POSIX, reason="needs POSIX permissions")
@both
@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_open(tmp_path, suffix, mask, mode):
    path = tmp_path / f"a{suffix}"
    before = os.umask(mask)
    try:
        nn.save(path, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not POSIX, reason="needs POSIX permissions")
@both
def test_permissions_of_an_old_file_are_kept(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    path.chmod(0o640)
    nn.save(path, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not POSIX or ROOT_USER, reason="needs a user whom permissions bind")
def test_write_protection_is_respected(tmp_path):
    path = tmp_path / "a.npz"
    nn.save(path, {"a": 1})
    path.chmod(0o444)
    with pytest.raises(nn.CheckpointError, match="Permission denied"):
        nn.save(path, {"a": 2})
    assert int(nn.load(path)["a"]) == 1


def test_write_protection_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    nn.save(path, {"a": 1})
    monkeypatch.setattr(os, "open", failing(PermissionError(13, "Permission denied")))
    with pytest.raises(nn.CheckpointError, match="as it was: Permission denied"):
        nn.save(path, {"a": 2})
    monkeypatch.undo()
    assert int(nn.load(path)["a"]) == 1


def failing(error):
    def function(*args, **kwargs):
        raise error

    return function


@both
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    "error, seen",
    [(OSError(28, "No space left on device"), nn.CheckpointError),
     (KeyboardInterrupt(), KeyboardInterrupt), (MemoryError(), MemoryError)],
    ids=["disk full", "Ctrl-C", "memory"],
)  # fmt: skip
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, suffix, call, error, seen
):
    path = tmp_path / f"a{suffix}"
    nn.save(path, {"a": 1})
    old = path.read_bytes()
    monkeypatch.setattr(os, call, failing(error))
    with pytest.raises(seen) as caught:
        nn.save(path, {"a": 2})
    monkeypatch.undo()
    assert path.read_bytes() == old and os.listdir(tmp_path) == [path.name]
    if seen is nn.CheckpointError:
        assert "what was there is as it was: No space left on device" in str(caught.value)


def test_ctrl_c_within_zipfile_stays_ctrl_c(tmp_path, monkeypatch):
    opened, streams = zipfile.ZipFile.open, []

    def interrupted(*arguments):
        streams.append(opened(*arguments))  # left open, so that the archive cannot be closed
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nn.save(tmp_path / "a.npz", {"a": np.ones(2)})
    assert len(streams) == 1 and not os.listdir(tmp_path)
    with contextlib.suppress(AttributeError):  # it has no file any more
        streams[0].close()


@both
def test_a_real_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    resource = pytest.importorskip("resource", reason="needs limits of file sizes")
    path = tmp_path / f"a{suffix}"
    nn.save(path, {"a": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(nn.CheckpointError, match="could not be written.*File too large"):
            nn.save(path, {"a": np.random.default_rng(0).normal(size=50_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert int(nn.load(path)["a"]) == 1 and os.listdir(tmp_path) == [path.name]


@both
def test_the_file_and_then_its_folder_reach_the_disk(tmp_path, monkeypatch, suffix):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, f=real: (done.append(n), f(*a))[1])
    nn.save(tmp_path / f"a{suffix}", {})
    assert done == ["fsync", "replace", *(["fsync"] if POSIX else [])]


@both
def test_the_temporary_file_lies_in_the_same_folder(tmp_path, monkeypatch, suffix):
    moved = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append((a, b)), real(a, b))[1])
    for _ in range(2):
        nn.save(tmp_path / f"a{suffix}", {})
    sources = {Path(a) for a, b in moved}
    assert {p.parent for p in sources} == {tmp_path.resolve()} and len(sources) == 2
    assert all(p.name.startswith(".chalkgrad-") and p.suffix == ".tmp" for p in sources)


# ---- what the file must fit -------------------------------------------------------------------


def small():
    return {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32)}


@both
def test_all_that_does_not_fit_is_listed_at_once(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    nn.save(path, {"w": np.ones((3, 2)), "b": np.ones(3), "old": np.ones(1), "n": np.ones(())})
    like = {**small(), "new": np.ones(2), "n": np.zeros((), np.int64)}
    error = refuses(path, "does not fit dict", "no array was read", like=like)
    assert str(error).split(":\n")[1].split("\n") == [
        "    missing: new",
        "    unexpected: old",
        "    wrong shape: w is (3, 2), expected (2, 3)",
        "    wrong dtype: n is float64, expected int64",
    ]


DTYPE_PAIRS = [
    ("f8", "f4", True), ("f4", "f8", True), ("i8", "f4", True), ("i8", "i4", True),
    ("?", "f4", True), ("f4", "i8", False), ("i8", "?", False), ("f2", "f2", True),
]  # fmt: skip


@both
@pytest.mark.parametrize("stored, wanted, fits", DTYPE_PAIRS)
def test_dtypes_fit_that_load_state_dict_would_cast(tmp_path, suffix, stored, wanted, fits):
    path = tmp_path / f"a{suffix}"
    nn.save(path, {"a": np.ones(2, stored)})
    like = {"a": np.zeros(2, wanted)}
    if fits:
        assert nn.load(path, like=like)["a"].dtype == stored  # as it is in the file
    else:
        refuses(path, "wrong dtype: a is", like=like)


@both
def test_like_may_be_a_module(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    nn.save(path, nn.Linear(2, 3))
    assert set(nn.load(path, like=nn.Linear(2, 3))) == {"weight", "bias"}
    refuses(path, "does not fit Linear", "weight is (3, 2), expected (2, 3)", like=nn.Linear(3, 2))


def test_like_may_be_a_module_with_buffers(tmp_path):
    nn.save(tmp_path / "a.npz", nn.BatchNorm1d(2))
    found = nn.load(tmp_path / "a.npz", like=nn.BatchNorm1d(2))
    assert "running_mean" in found
    refuses(tmp_path / "a.npz", "unexpected: running_mean", like=nn.LayerNorm(2))


def test_like_is_checked_before_the_file(tmp_path):
    with pytest.raises(TypeError, match="`like` must be a Module or a dict of arrays, got list"):
        nn.load(tmp_path / "none.npz", like=[1])


def test_a_whole_checkpoint_is_told_apart(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", model=nn.Linear(1, 1), epoch=3)
    refuses(tmp_path / "a.npz", "use load_checkpoint", "It holds: model, epoch")


# ---- files of others --------------------------------------------------------------------------


def member(name, content, *, method=zipfile.ZIP_STORED, times=1):
    """A function that writes one entry to a zip file."""

    def write(archive):
        for _ in range(times):
            archive.writestr(zipfile.ZipInfo(name), content, method)

    return write


def npy(array=None, *, descr="<f4", shape=(2,), fortran=False, data=b"\0" * 8, version=1):
    """The bytes of a .npy file, with a header that may lie."""
    if array is not None:
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()
    header = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def zipped(path, *writers):
    with zipfile.ZipFile(path, "w") as archive:
        for write in writers:
            write(archive)
    return path


@pytest.mark.parametrize("function", [np.savez, np.savez_compressed])
def test_files_of_numpy_are_read(tmp_path, function):
    state = {
        "a": values("f4"),
        "b": np.asfortranarray(values("f8")),
        "c": np.arange(3, dtype=">i4"),
    }
    function(tmp_path / "a.npz", **state)
    back = nn.load(tmp_path / "a.npz")
    assert list(back) == list(state) and all(a.dtype.isnative for a in back.values())
    assert all(np.array_equal(back[n], state[n], equal_nan=n != "c") for n in state)
    assert back["b"].flags.c_contiguous and back["b"].flags.writeable


@needs_safetensors
def test_files_of_the_library_are_read(tmp_path):
    state = {"a": values("f4"), "b": values("?"), "c": np.zeros((0, 2))}
    safetensors.numpy.save_file(state, tmp_path / "a.safetensors", {"format": "np"})
    back = nn.load(tmp_path / "a.safetensors")
    assert set(back) == set(state) and all(same(back[n], state[n]) for n in state)


def test_headers_of_python_2_are_read_without_a_warning(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }\n"
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + b"\0" * 8
    zipped(tmp_path / "a.npz", member("a.npy", content))
    assert same(nn.load(tmp_path / "a.npz")["a"], np.zeros(2, np.float32))


def test_version_2_of_npy_is_read(tmp_path):
    zipped(tmp_path / "a.npz", member("a.npy", npy(version=2)))
    assert same(nn.load(tmp_path / "a.npz")["a"], np.zeros(2, np.float32))


class Harm:
    """What would run if anything were unpickled."""

    def __reduce__(self):
        return (os._exit, (66,))


FOREIGN = {
    "nothing": b"",
    "text": b"epoch,loss\n1,0.5\n" * 100,
    "zeros": bytes(5000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "a pickle": pickle.dumps(Harm()),
    "a .npy": npy(np.ones(3)),
    "HTML": b"<!DOCTYPE html><html>404 Not Found</html>",
    "only the end of a zip": b"PK\x05\x06" + bytes(18) + b"x",
}


@both
@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_files_of_other_kinds_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    refuses(path)


@needs_safetensors
def test_each_format_under_the_name_of_the_other_is_refused(tmp_path):
    for suffix, other in [(".npz", ".safetensors"), (".safetensors", ".npz")]:
        nn.save(tmp_path / f"a{suffix}", small())
        os.replace(tmp_path / f"a{suffix}", tmp_path / f"b{other}")
        refuses(tmp_path / f"b{other}", "not what its name says")


def objects():
    stream = io.BytesIO()
    np.save(stream, np.array([Harm()], object), allow_pickle=True)
    return stream.getvalue()


HOSTILE_ENTRIES = {
    "objects": ([member("a.npy", objects())], "entry 'a", "only real numbers"),
    "complex": ([member("a.npy", npy(np.ones(2, complex)))], "entry 'a", "only real numbers"),
    "strings": ([member("a.npy", npy(np.array(["x"])))], "entry 'a", "only real numbers"),
    "fields": ([member("a.npy", npy(np.zeros(2, "f4,i4")))], "entry 'a", "only real numbers"),
    "no array": ([member("readme.txt", b"hello")], "readme.txt", "it is no array"),
    "a folder": ([member("folder/", b"")], "folder/", "it is no array"),
    "of torch": ([member("m/data.pkl", pickle.dumps(Harm()))], "m/data.pkl", "it is no array"),
    "empty entry": ([member("a.npy", b"")], "entry 'a"),
    "no header": ([member("a.npy", b"hello" * 9)], "entry 'a"),
    "path upwards": ([member("../../a.npy", npy())], "../../a.npy", "leads out"),
    "absolute path": ([member("/etc/a.npy", npy())], "/etc/a.npy", "leads out"),
    "backslashes": ([member("..\\a.npy", npy())], "a.npy"),
    "without a name": ([member(".npy", npy())], ".npy", "is empty"),
    "shape too large": ([member("a.npy", npy(shape=(3,)))], "entry 'a", "claims to have"),
    "shape too small": ([member("a.npy", npy(shape=(1,)))], "entry 'a", "claims to have"),
    "huge shape": ([member("a.npy", npy(shape=(10**30,)))], "entry 'a", "claims to have"),
    "overflowing shape": ([member("a.npy", npy(shape=(2**32, 2**32)))], "entry 'a"),
    "huge and empty": ([member("a.npy", npy(shape=(0, 10**30), data=b""))], "entry 'a"),
    "negative shape": ([member("a.npy", npy(shape=(-2,)))], "entry 'a", "shape (-2,)"),
    "twice negative": ([member("a.npy", npy(shape=(-2, -1)))], "entry 'a", "shape (-2, -1)"),
    "shape of bools": ([member("a.npy", npy(shape=(True, 2)))], "entry 'a", "shape (True, 2)"),
    "shape of floats": ([member("a.npy", npy(shape=(2.0,)))], "entry 'a"),
    "too many axes": ([member("a.npy", npy(shape=(1,) * 100 + (2,)))], "entry 'a"),
    "unknown dtype": ([member("a.npy", npy(descr="<q9"))], "entry 'a"),
    "dtype with a shape": ([member("a.npy", npy(descr=("<f4", (2,)), shape=(1,)))], "entry 'a"),
    "odd bool": ([member("a.npy", npy(descr="|b1", data=b"\1\2"))], "a", "neither 0 nor 1"),
    "unknown version": ([member("a.npy", npy(version=7))], "entry 'a", "version (7, 0)"),
    "header too long": ([member("a.npy", npy(descr="<f4" + " " * 20_000))], "entry 'a"),
    "header longer than the entry": (
        [member("a.npy", b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{}")], "entry 'a",
    ),
    "code in the header": ([member("a.npy", npy(descr="__import__('os')._exit(66)"))], "entry 'a"),
    "two entries of one name": (
        [member("a.npy", npy()), member("b.npy", npy())], "b.npy", "two entries",
    ),
    "foreign notes": ([member("__chalkgrad__.npy", npy())], "damaged"),
    "another compression": (
        [member("a.npy", npy(), method=zipfile.ZIP_BZIP2)], "entry 'a", "another method",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE_ENTRIES.values(), ids=HOSTILE_ENTRIES)
def test_hostile_entries_of_npz_are_refused_by_name(tmp_path, case):
    writers, *words = case
    path = zipped(tmp_path / "x.npz", *writers)
    if "two entries" in words:  # zipfile itself warns when it writes them
        path.write_bytes(path.read_bytes().replace(b"a.npy", b"b.npy"))
    refuses(path, *words)


@pytest.mark.parametrize("mark", [b"chalkgrad sha256 ", b"chalk*rad sha256 ", b"chalkgrad sha*56 "])
def test_notes_are_recognised_by_the_comment_alone(tmp_path, mark):
    path = zipped(tmp_path / "x.npz", member("a.npy", npy()))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = mark + b"0" * 64
    refuses(path, "is damaged: the SHA-256")


def test_something_after_the_end_is_refused(tmp_path):
    path = zipped(tmp_path / "x.npz", member("a.npy", npy()))
    assert list(nn.load(path)) == ["a"]
    path.write_bytes(path.read_bytes() + b"more")
    refuses(path, "something follows")


@pytest.mark.parametrize("entries", [["a.npy"], []], ids=["one", "none"])
def test_something_before_the_first_entry_is_refused(tmp_path, entries):
    path = zipped(tmp_path / "x.npz", *(member(name, npy()) for name in entries))
    assert len(nn.load(path)) == len(entries)
    path.write_bytes(b"more" + path.read_bytes())
    refuses(path, "something precedes")


@pytest.mark.parametrize("length", range(0, 250, 7))
def test_a_truncated_file_of_numpy_is_refused(tmp_path, length):
    np.savez(tmp_path / "a.npz", a=np.ones(3))
    content = (tmp_path / "a.npz").read_bytes()
    assert len(content) > 250
    (tmp_path / "a.npz").write_bytes(content[:length])
    refuses(tmp_path / "a.npz")


def test_a_wrong_crc_is_seen(tmp_path):
    path = zipped(tmp_path / "x.npz", member("a.npy", npy(np.full(5000, 1.5))))
    content = bytearray(path.read_bytes())
    content[-5000] ^= 1
    path.write_bytes(content)
    refuses(path, "entry 'a'", "CRC")


def patched_directory(path, offset, content):
    """Overwrite a field in the central directory's first entry."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + len(content)] = content
    path.write_bytes(data)
    return path


DIRECTORY = {
    "encrypted": (8, b"\x01\x00", "encrypted"),
    "strongly encrypted": (8, b"\x41\x00", "encrypted"),
    "headers encrypted": (8, b"\x00\x20", "encrypted"),
    "another size": (24, struct.pack("<I", 10**9), "claims two sizes"),
    "both sizes": (20, struct.pack("<II", 10**9, 10**9), "a.npy"),
    "elsewhere": (42, struct.pack("<I", 10**6), "a.npy"),
}


@pytest.mark.parametrize("offset, content, word", DIRECTORY.values(), ids=DIRECTORY)
def test_a_directory_that_lies_is_refused(tmp_path, offset, content, word):
    path = zipped(tmp_path / "x.npz", member("a.npy", npy()))
    refuses(patched_directory(path, offset, content), word)


def test_overlapping_entries_are_refused(tmp_path):
    path = zipped(tmp_path / "x.npz", member("a.npy", npy()), member("b.npy", npy()))
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(data)
    refuses(path, "entry 'b.npy'", "overlaps with another entry")


def test_an_entry_whose_header_lies_in_the_one_before_is_refused(tmp_path):
    """All else about both is right: their CRC-32 and their sizes."""
    alone = zipped(tmp_path / "b.npz", member("b.npy", npy())).read_bytes()
    header = alone[:35]
    values = npy(np.frombuffer(header, np.uint8))
    path = zipped(tmp_path / "x.npz", member("a.npy", values), member("b.npy", npy()))
    data = bytearray(path.read_bytes())
    second = data.rindex(header)
    assert data[second - 35 : second] == header
    del data[second : second + 35]
    for place in (data.rindex(b"PK\x01\x02") + 42, len(data) - 6):
        data[place : place + 4] = struct.pack("<I", struct.unpack_from("<I", data, place)[0] - 35)
    path.write_bytes(data)
    refuses(path, "verlap")  # newer versions of zipfile say so before us


def bomb(path, size):
    """A small file of zeros, whose one array is large."""
    header = npy(shape=(size // 4,), data=b"")
    zipped(path, member("w.npy", header + bytes(size), method=zipfile.ZIP_DEFLATED))
    return path


def test_97_kilobytes_cannot_claim_100_megabytes(tmp_path):
    path = bomb(tmp_path / "x.npz", 100_000_000)
    assert path.stat().st_size < 100_000
    like = {"w": np.zeros((2, 2), np.float32)}
    assert memory_of(lambda: refuses(path, "does not fit", "w is (25000000,)", like=like)) < 1e6
    assert memory_of(lambda: refuses(path, "claims to hold 100,0", "load(path, like=")) < 1e6


def test_a_header_that_expands_is_not_unpacked(tmp_path):
    head = b"\x93NUMPY\2\0" + struct.pack("<I", 100_000_000)
    path = tmp_path / "x.npz"
    zipped(path, member("w.npy", head + b" " * 100_000_000, method=zipfile.ZIP_DEFLATED))
    assert memory_of(lambda: refuses(path, "w.npy")) < 1e6


def test_many_entries_that_expand_are_counted_together(tmp_path):
    entry = npy(shape=(1_000_000,), data=bytes(4_000_000))
    writers = [member(f"{k}.npy", entry, method=zipfile.ZIP_DEFLATED) for k in range(6)]
    path = zipped(tmp_path / "x.npz", *writers)
    assert memory_of(lambda: refuses(path, "claims to hold 24,0")) < 1e6


def test_zeros_that_were_asked_for_may_be_compressed(tmp_path):
    like = {"w": np.zeros(5_000_000, np.float32)}
    np.savez_compressed(tmp_path / "a.npz", **like)
    refuses(tmp_path / "a.npz", "claims to hold")
    assert same(nn.load(tmp_path / "a.npz", like=like)["w"], like["w"])


def test_up_to_16_megabytes_expand_without_being_asked_for(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", w=np.zeros(4_000_000, np.float32))
    assert nn.load(tmp_path / "a.npz")["w"].nbytes == 16_000_000


def test_an_entry_longer_than_it_claims_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    zipped(path, member("a.npy", npy(data=bytes(100_000)), method=zipfile.ZIP_DEFLATED))
    size = len(npy())
    refuses(patched_directory(path, 24, struct.pack("<I", size)), "a.npy")


def raw_safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


F = tensor()
HOSTILE_SAFETENSORS = {
    "header beyond the file": (raw_safetensors({"a": F}, bytes(8), length=10**6), "header"),
    "huge header": (raw_safetensors({"a": F}, bytes(8), length=2**64 - 1), "header"),
    "no header": (raw_safetensors(b""),),
    "seven bytes": (bytes(7),),
    "no JSON": (raw_safetensors(b"{hello"),),
    "not UTF-8": (raw_safetensors(b'{"\xff": 1}'),),
    "a list": (raw_safetensors([1, 2]),),
    "deep": (raw_safetensors(b'{"a":' + b"[" * 100_000),),
    "no fields": (raw_safetensors({"a": {}}),),
    "too little data": (raw_safetensors({"a": F}, bytes(7)),),
    "too much data": (raw_safetensors({"a": F}, bytes(9)),),
    "shape too large": (raw_safetensors({"a": tensor(shape=(3,))}, bytes(8)),),
    "overflowing shape": (raw_safetensors({"a": tensor(shape=(2**62, 2**62))}, bytes(8)),),
    "negative shape": (raw_safetensors({"a": tensor(shape=(-2,))}, bytes(8)),),
    "negative offsets": (raw_safetensors({"a": tensor(offsets=(-8, 0))}, bytes(8)),),
    "offsets turned": (raw_safetensors({"a": tensor(offsets=(8, 0))}, bytes(8)),),
    "overlap": (raw_safetensors({"a": F, "b": tensor(offsets=(4, 12))}, bytes(12)),),
    "a hole": (raw_safetensors({"a": F, "b": tensor(offsets=(12, 20))}, bytes(20)),),
    "one name twice": (
        raw_safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(F).encode(),) * 2), bytes(8)),
        "two entries of one name",
    ),
    "unknown dtype": (raw_safetensors({"a": tensor("Q9")}, bytes(8)),),
    "complex": (
        raw_safetensors({"a": tensor("C64", (1,))}, bytes(8)), "'a'", "C64", ".float()",
        "nothing that can be read",
    ),
    "odd bool": (raw_safetensors({"a": tensor("BOOL", (8,))}, b"\2" * 8), "neither 0 nor 1"),
    "path upwards": (raw_safetensors({"../a": F}, bytes(8)), "'../a'", "leads out"),
    "without a name": (raw_safetensors({"": F}, bytes(8)), "is empty"),
    "notes that are none": (
        raw_safetensors({"__metadata__": {"chalkgrad": "?"}, "a": F}, bytes(8)), "damaged",
    ),
    "notes under another name": (
        raw_safetensors({"__metadata__": {"b": "chalkgrad sha256 0"}, "a": F}, bytes(8)), "damaged",
    ),
}  # fmt: skip


@needs_safetensors
@pytest.mark.parametrize("case", HOSTILE_SAFETENSORS.values(), ids=HOSTILE_SAFETENSORS)
def test_hostile_safetensors_are_refused(tmp_path, case):
    content, *words = case
    (tmp_path / "x.safetensors").write_bytes(content)
    refuses(tmp_path / "x.safetensors", *words)


@needs_safetensors
def test_a_good_safetensors_made_by_hand_is_read(tmp_path):
    """So that the hostile ones above are refused for what they say."""
    (tmp_path / "x.safetensors").write_bytes(raw_safetensors({"a": F}, bytes(8)))
    assert same(nn.load(tmp_path / "x.safetensors")["a"], np.zeros(2, np.float32))


@needs_safetensors
def test_shapes_of_safetensors_are_checked_before_data_is_read(tmp_path):
    path = tmp_path / "x.safetensors"
    header = raw_safetensors({"w": tensor(shape=(25_000_000,), offsets=(0, 100_000_000))})
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + 100_000_000)  # a hole on the disk
    like = {"w": np.zeros((2, 2), np.float32)}
    assert memory_of(lambda: refuses(path, "w is (25000000,)", like=like)) < 1e6


# ---- PyTorch ----------------------------------------------------------------------------------


def twins():
    """The same network here and in PyTorch, with its weights and running statistics moved."""
    torch = pytest.importorskip("torch", reason="PyTorch is the other side")
    pytest.importorskip("safetensors.torch", reason="safetensors is the file format")
    rng = np.random.default_rng(0)
    ours = nn.Sequential(
        nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 3)
    )
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.LayerNorm(4),
        torch.nn.Linear(4, 3),
    )  # fmt: skip
    x = rng.normal(size=(16, 5)).astype(np.float32)
    return torch, ours, theirs, x


def test_pytorch_reads_our_safetensors(tmp_path):
    torch, ours, theirs, x = twins()
    ours(x)  # moves the running statistics
    nn.save(tmp_path / "a.safetensors", ours)
    theirs.load_state_dict(sys.modules["safetensors.torch"].load_file(tmp_path / "a.safetensors"))
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours.eval()(x).data, expected, rtol=1e-5, atol=1e-6)


def test_we_read_the_safetensors_of_pytorch(tmp_path):
    torch, ours, theirs, x = twins()
    theirs(torch.from_numpy(x))
    path = tmp_path / "a.safetensors"
    sys.modules["safetensors.torch"].save_file(theirs.state_dict(), path)
    ours.load_state_dict(nn.load(path, like=ours))
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours.eval()(x).data, expected, rtol=1e-5, atol=1e-6)


def test_half_precision_of_pytorch(tmp_path):
    torch, _, theirs, _ = twins()
    save_file, path = sys.modules["safetensors.torch"].save_file, tmp_path / "a.safetensors"
    save_file(theirs.half().state_dict(), path)
    assert nn.load(path)["0.weight"].dtype == np.float16
    save_file(theirs.bfloat16().state_dict(), path)
    weight = nn.load(path)["0.weight"]
    assert same(weight, theirs.bfloat16().state_dict()["0.weight"].float().numpy())
