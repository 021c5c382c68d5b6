"""Files of other programs: narrow floats are read exactly, other kinds do not lock the rest.

The files are written by hand here, byte by byte, and by PyTorch where it is installed.
"""

import datetime
import json
import math
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest

import nn
from tests.makers import memory_of
from tests.nn.files.test_files import Harm, member, needs_safetensors, npy, refuses, same, zipped


def safetensors(path, *entries, metadata=None):
    """A file of entries (name, kind, shape, bytes)."""
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, kind, shape, content in entries:
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def loaded(path, **options):
    """What load gives, and the text of its one warning, or ""."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = nn.load(path, **options)
    assert len(caught) <= 1
    assert all(w.filename == __file__ and w.category is UserWarning for w in caught)
    return state, str(caught[0].message) if caught else ""


F32 = ("plain", "F32", (2,), struct.pack("<2f", 1.5, -2.0))

# ---- bfloat16 -----------------------------------------------------------------------------------


@needs_safetensors
def test_bfloat16_is_read_as_float32_bit_for_bit(tmp_path):
    """All 65,536 of them: the bits of a float32 whose lower half is 0."""
    bits = list(range(1 << 16))
    content = struct.pack("<65536H", *bits)
    path = safetensors(tmp_path / "a.safetensors", F32, ("w", "BF16", (256, 256), content))
    state, text = loaded(path)
    assert text == "" and list(state) == ["plain", "w"]
    assert state["w"].dtype == np.float32 and state["w"].shape == (256, 256)
    expected = struct.pack("<65536I", *(b << 16 for b in bits))
    assert state["w"].astype("<f4").tobytes() == expected
    assert state["w"].flags.writeable and state["w"].flags.c_contiguous
    assert same(state["plain"], np.array([1.5, -2.0], np.float32))


@needs_safetensors
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 1)], ids=str)
def test_bfloat16_of_every_shape(tmp_path, shape):
    count = math.prod(shape)
    content = struct.pack(f"<{count}H", *[0x3FC0] * count)  # 1.5
    state, _ = loaded(safetensors(tmp_path / "a.safetensors", ("w", "BF16", shape, content)))
    assert same(state["w"], np.full(shape, 1.5, np.float32))


@needs_safetensors
def test_a_model_takes_bfloat16(tmp_path):
    layer = nn.Linear(2, 1)
    path = safetensors(
        tmp_path / "a.safetensors",
        ("weight", "BF16", (1, 2), struct.pack("<2H", 0x3F80, 0xC000)),
        ("bias", "BF16", (1,), struct.pack("<H", 0x4049)),
    )
    layer.load_state_dict(nn.load(path, like=layer))
    assert layer.weight.tolist() == [[1.0, -2.0]] and layer.bias.tolist() == [3.140625]
    refuses(path, "weight is (1, 2), expected (3, 2)", like=nn.Linear(2, 3))


@needs_safetensors
@pytest.mark.parametrize("name", [
    "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
    "float8_e8m0fnu",
])  # fmt: skip
def test_narrow_floats_of_pytorch_are_read_exactly(tmp_path, name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    save = pytest.importorskip("safetensors.torch", reason="the file format").save_file
    dtype = getattr(torch, name, None)
    if dtype is None:
        pytest.skip("this PyTorch does not have it")
    bits = np.arange(65536 if name == "bfloat16" else 256).astype(
        "u2" if name == "bfloat16" else "u1"
    )
    tensor = torch.from_numpy(bits.view("i2" if name == "bfloat16" else "u1")).view(dtype)
    path = tmp_path / "a.safetensors"
    try:
        save({"w": tensor, "plain": torch.ones(2)}, str(path))
    except (KeyError, ValueError):
        pytest.skip("this safetensors does not write it")
    state, text = loaded(path)
    np.testing.assert_array_equal(state["w"], tensor.float().numpy())
    assert text == "" and state["w"].dtype == np.float32
    zeros = state["w"] == 0
    assert (np.signbit(state["w"])[zeros] == np.signbit(tensor.float().numpy())[zeros]).all()


def e4m3(code):
    """The value of a float8 by its definition, in Python's own numbers."""
    sign, e, f = -1 if code > 127 else 1, (code >> 3) & 15, code & 7
    if e == 15 and f == 7:
        return math.nan
    return sign * (math.ldexp(f / 8, -6) if e == 0 else math.ldexp(1 + f / 8, e - 7))


def e5m2(code):
    sign, e, f = -1 if code > 127 else 1, (code >> 2) & 31, code & 3
    if e == 31:
        return math.nan if f else sign * math.inf
    return sign * (math.ldexp(f / 4, -14) if e == 0 else math.ldexp(1 + f / 4, e - 15))


def e4m3fnuz(code):
    sign, e, f = -1 if code > 127 else 1, (code >> 3) & 15, code & 7
    if code == 128:
        return math.nan
    return sign * (math.ldexp(f / 8, -7) if e == 0 else math.ldexp(1 + f / 8, e - 8))


def e5m2fnuz(code):
    sign, e, f = -1 if code > 127 else 1, (code >> 2) & 31, code & 3
    if code == 128:
        return math.nan
    return sign * (math.ldexp(f / 4, -15) if e == 0 else math.ldexp(1 + f / 4, e - 16))


def e8m0(code):
    return math.nan if code == 255 else math.ldexp(1.0, code - 127)


EIGHT = {
    "F8_E4M3": e4m3, "F8_E5M2": e5m2, "F8_E4M3FNUZ": e4m3fnuz, "F8_E5M2FNUZ": e5m2fnuz,
    "F8_E8M0": e8m0,
}  # fmt: skip


@needs_safetensors
@pytest.mark.parametrize("kind", EIGHT)
def test_float8_is_read_by_its_definition(tmp_path, kind):
    path = safetensors(tmp_path / "a.safetensors", ("w", kind, (16, 16), bytes(range(256))), F32)
    state, text = loaded(path)
    expected = np.array([EIGHT[kind](code) for code in range(256)]).reshape(16, 16)
    assert text == "" and state["w"].dtype == np.float32
    np.testing.assert_array_equal(state["w"].astype(np.float64), expected)
    assert (np.signbit(state["w"]) == np.signbit(expected))[expected == 0].all()


INTEGERS = {
    "I8": "b",
    "U8": "B",
    "I16": "h",
    "U16": "H",
    "I32": "i",
    "U32": "I",
    "I64": "q",
    "U64": "Q",
}


@needs_safetensors
@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize("beside", [(), (("x", "BF16", (1,), b"\0\0"),)], ids=["alone", "bfloat16"])
def test_integers_of_every_width(tmp_path, kind, beside):
    bits = 8 * struct.calcsize(f"<{INTEGERS[kind]}")
    low, high = (0, 2**bits - 1) if kind[0] == "U" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    content = struct.pack(f"<3{INTEGERS[kind]}", low, 1, high)
    state, _ = loaded(safetensors(tmp_path / "a.safetensors", ("n", kind, (3,), content), *beside))
    assert state["n"].tolist() == [low, 1, high] and state["n"].dtype == INTEGERS[kind]


# ---- kinds that are no real numbers ------------------------------------------------------------

OTHERS = {
    "complex": ("C64", (1,), bytes(8)),
    "of the future": ("Q9", (3, 5), bytes(7)),
    "four bits": ("F4", (4,), bytes(2)),
    "six bits": ("F6_E2M3", (4,), bytes(3)),
}


@needs_safetensors
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_other_kinds_in_a_safetensors_do_not_lock_the_rest(tmp_path, other):
    path = safetensors(
        tmp_path / "a.safetensors", F32, ("odd", *other), ("b", "BF16", (1,), b"\0\0")
    )
    state, text = loaded(path)
    assert sorted(state) == ["b", "plain"] and same(state["plain"], np.array([1.5, -2], np.float32))
    assert (
        "a.safetensors" in text and "entry 'odd'" in text and f"it holds {other[0]} values" in text
    )
    assert "damaged" not in text
    layer = {"plain": np.zeros(2), "b": np.zeros(1)}
    state, text = loaded(path, like=layer)
    assert sorted(state) == ["b", "plain"] and "entry 'odd'" in text
    error = refuses(path, f"no real numbers: odd: it holds {other[0]}", like={**layer, "odd": 1.0})
    assert "damaged" not in str(error) and "missing" not in str(error)


@needs_safetensors
def test_a_safetensors_of_other_kinds_alone_says_so(tmp_path):
    path = safetensors(tmp_path / "a.safetensors", ("odd", "C64", (1,), bytes(8)))
    error = refuses(path, "holds nothing that can be read here", "entry 'odd'", "C64")
    assert "damaged" not in str(error)


B = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}


def entry(**changes):
    return {**B, **changes}


BROKEN = {
    "too little data": ({"a": B}, 3),
    "too much data": ({"a": B}, 5),
    "another shape": ({"a": entry(shape=[3])}, 4),
    "huge shape": ({"a": entry(shape=[2**62, 2**62])}, 4),
    "negative shape": ({"a": entry(shape=[-2])}, 4),
    "shape of bools": ({"a": entry(shape=[True, 2])}, 4),
    "shape of floats": ({"a": entry(shape=[2.0])}, 4),
    "no shape": ({"a": {"dtype": "BF16", "data_offsets": [0, 4]}}, 4),
    "negative offsets": ({"a": entry(data_offsets=[-4, 0])}, 4),
    "offsets turned": ({"a": entry(data_offsets=[4, 0])}, 4),
    "three offsets": ({"a": entry(data_offsets=[0, 4, 4])}, 4),
    "no offsets": ({"a": {"dtype": "BF16", "shape": [2]}}, 4),
    "an overlap": ({"a": B, "b": entry(data_offsets=[2, 6])}, 6),
    "a hole": ({"a": B, "b": entry(data_offsets=[6, 10])}, 10),
    "a hole before an odd kind": ({"a": B, "b": entry(dtype="Q9", data_offsets=[6, 10])}, 10),
    "an odd kind beyond the end": ({"a": B, "b": entry(dtype="Q9", data_offsets=[4, 99])}, 10),
    "a path upwards": ({"a": B, "../b": entry(data_offsets=[4, 8])}, 8),
    "dtype of another type": ({"a": B, "b": entry(dtype=7, data_offsets=[4, 8])}, 8),
    "dtype a list": ({"a": B, "b": entry(dtype=["F32"], data_offsets=[4, 8])}, 8),
    "a mark of ours": ({"a": B, "__metadata__": {"chalkgrad": "?"}}, 4),
}  # fmt: skip


@needs_safetensors
@pytest.mark.parametrize("header, size", BROKEN.values(), ids=BROKEN)
def test_damage_beside_narrow_floats_is_found(tmp_path, header, size):
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    refuses(path, "damaged" if header is not BROKEN["a path upwards"][0] else "leads out")


@needs_safetensors
def test_an_odd_bool_beside_narrow_floats_is_found(tmp_path):
    path = safetensors(tmp_path / "x.safetensors", ("a", "BF16", (1,), b"\0\0"),
                       ("b", "BOOL", (1,), b"\2"))  # fmt: skip
    refuses(path, "'b'", "neither 0 nor 1")


@needs_safetensors
def test_large_narrow_floats_that_do_not_fit_are_not_read(tmp_path):
    path = tmp_path / "x.safetensors"
    text = json.dumps({"w": entry(shape=[50_000_000], data_offsets=[0, 100_000_000])}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + 100_000_000)  # a hole on the disk
    like = {"w": np.zeros((2, 2), np.float32)}
    assert memory_of(lambda: refuses(path, "w is (50000000,)", like=like)) < 1e6


# ---- .npz ---------------------------------------------------------------------------------------


NUMBERS = np.arange(3.0)
KINDS = {
    "text": (np.array(["relu", "tanh"]), "<U4"),
    "bytes": (np.array([b"ab"]), "|S2"),
    "a string": (np.array("adam"), "<U4"),
    "objects": (np.array([Harm(), None]), "object"),
    "dates": (np.array([datetime.date(2020, 1, 2)], "datetime64[D]"), "datetime64[D]"),
    "durations": (np.array([5], "timedelta64[s]"), "timedelta64[s]"),
    "complex": (np.array([1j]), "complex128"),
    "fields": (np.zeros(2, [("a", "f4"), ("b", "i4")]), "[('a', '<f4'), ('b', '<i4')]"),
    "fields in Greek": (np.zeros(2, [("αβ", "f4")]), "fields"),
    "raw": (np.zeros(2, "V3"), "|V3"),
}  # fmt: skip


@pytest.mark.parametrize("array, kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_other_kinds_in_a_npz_do_not_lock_the_rest(tmp_path, array, kind, save, first):
    path = tmp_path / "a.npz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy's, of fields in Greek
        save(path, **({"odd": array, "w": NUMBERS} if first else {"w": NUMBERS, "odd": array}))
    state, text = loaded(path)
    assert list(state) == ["w"] and same(state["w"], NUMBERS)
    assert "a.npz" in text and "entry 'odd': it holds " in text and kind in text
    assert "damaged" not in text and "np.load" in text
    state, text = loaded(path, like={"w": NUMBERS})
    assert list(state) == ["w"] and "entry 'odd'" in text
    refuses(path, "no real numbers: odd: it holds", like={"w": NUMBERS, "odd": NUMBERS})


def test_objects_are_never_unpickled(tmp_path):
    npz = tmp_path / "a.npz"
    np.savez(npz, w=NUMBERS, odd=np.array([Harm()], object))  # Harm ends the process
    assert list(loaded(npz)[0]) == ["w"]


def test_entries_that_are_no_arrays_do_not_lock_the_rest(tmp_path):
    path = zipped(
        tmp_path / "a.npz", member("readme.txt", b"hello"), member("w.npy", npy()),
        member("b.npy", npy(), method=zipfile.ZIP_BZIP2), member("data.pkl", pickle.dumps(Harm())),
    )  # fmt: skip
    state, text = loaded(path)
    assert list(state) == ["w"]
    assert "'readme.txt': it is no array" in text and "'data.pkl': it is no array" in text
    assert "'b': it is compressed by another method" in text


def test_many_other_kinds_are_told_in_short(tmp_path):
    np.savez(tmp_path / "a.npz", w=NUMBERS, **{f"n{k}": np.array("x") for k in range(30)})
    _, text = loaded(tmp_path / "a.npz")
    assert "'n19'" in text and "'n20'" not in text and "and 10 more" in text


def test_damage_beside_other_kinds_is_found(tmp_path):
    path = tmp_path / "a.npz"
    for broken in (npy(shape=(3,)), npy(shape=(-2,)), b"hello" * 9, npy(version=7)):
        zipped(path, member("odd.npy", npy(np.array(["x"]))), member("w.npy", broken))
        refuses(path, "entry 'w.npy'", "damaged")
    zipped(path, member("odd.npy", npy(np.array(["x"]))), member("../w.npy", npy()))
    refuses(path, "leads out")
    with pytest.warns(UserWarning, match="Duplicate"):
        zipped(path, member("a.txt", b"x"), member("a.txt", b"y"), member("w.npy", npy()))
    refuses(path, "two entries")
