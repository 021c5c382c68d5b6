"""Checkpoints of whole runs: what comes back, all or nothing, any damage, kill -9, exact resume."""

import json
import math
import os
import random
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.files import formats
from nn.random import generator, get_state, set_state
from tests import ROOT
from tests.twins import assert_cases

try:
    import safetensors  # noqa: F401

    has_safetensors = True
except ImportError:
    has_safetensors = False

needs_safetensors = pytest.mark.skipif(not has_safetensors, reason="needs safetensors")
both = pytest.mark.parametrize(
    "suffix", [".npz", pytest.param(".safetensors", marks=needs_safetensors)]
)


class Part:
    """Something with state; `refuse` makes it fail, after it has changed itself."""

    def __init__(self, state, refuse=None):
        self.state, self.refuse = state, refuse

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error


def there_and_back(path, value):
    nn.save_checkpoint(path, value=value)
    return nn.load_checkpoint(path)["value"]


def same(a, b):
    """Equal in value, type and order, bit for bit, all the way down."""
    if isinstance(a, (np.ndarray, np.generic)):
        return type(a) is type(b) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return (
            type(b) is dict
            and same(list(a), list(b))
            and same(list(a.values()), list(b.values()))
        )  # fmt: skip
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):  # nan, and -0.0
        return type(a) is type(b) and repr(a) == repr(b)
    return type(a) is type(b) and a == b


def bits(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


# ---- plain values -----------------------------------------------------------------------------

PLAIN = {
    "None": None,
    "bools": [True, False],
    "ints": [0, -1, 2**53 - 1, 2**53, -(2**53), 2**127 + 1, -(2**128), 10**5000],
    "floats": [0.1, -0.0, 1e-320, 1.7976931348623157e308, math.nan, math.inf, -math.inf],
    "text": ["", "größe 重み", 'a "quoted" \\ one', "\0\n\t", "\ud800"],
    "lists": [[], [[]], [1, [2, [3]]]],
    "tuples": ((), (1, (2,)), [(0.9, 0.999)]),
    "dicts": {"a": {}, "b": {"c": 1}, "": 0},
    "keys that are no str": {0: "int", 1.5: "float", None: "None", True: "bool", "0": "str"},
    "keys like tags": {"array": "x", "tuple": [1], "dict": [], "int": 3},
    "a dict like a tag": [{"tuple": [1]}, {"array": "value/0"}, {"float": "nan"}],
    "arrays": {"w": np.arange(6.0).reshape(2, 3), "n": np.array(3), "e": np.zeros((0, 2), "i1")},
    "NumPy scalars": [np.float32(0.1), np.int64(2**60), np.bool_(True), np.float16(2)],
    "an optimiser": {
        "state": {0: {"step": 3, "exp_avg": np.ones(2)}, 10: {"step": 1, "exp_avg": np.ones(1)}},
        "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 10]}],
    },
    "places that are no names": {"..": np.ones(1), "\n": np.ones(2), "x" * 2000: np.ones(3)},
    "places that meet": {1: np.ones(1), "1": np.ones(2), "a/b": np.ones(3), "a": {"b": np.ones(4)}},
    "many": list(range(5000)),
    "deep": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
}


@both
@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_plain_values_come_back(tmp_path, suffix, value):
    assert same(there_and_back(tmp_path / f"a{suffix}", value), value)


Pair = namedtuple("Pair", "a b")
LIKE = {
    "OrderedDict": (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "named tuple": (Pair(1, 2), (1, 2)),
    "np.float64": (np.float64(0.1), 0.1),
    "np.str_": (np.str_("a"), "a"),
    "big-endian array": (np.arange(3, dtype=">i4"), np.arange(3, dtype="i4")),
    "Tensor": (Tensor([1.0], requires_grad=True), np.array([1.0])),
}


@pytest.mark.parametrize("value, back", LIKE.values(), ids=LIKE)
def test_relatives_of_plain_values_come_back_plain(tmp_path, value, back):
    assert same(there_and_back(tmp_path / "a.npz", value), back)


def circle():
    inside = []
    inside.append(inside)
    return inside


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


REFUSED = {
    "set": ({1}, TypeError, "value is a set"),
    "inside": ({"a": [1, {2}]}, TypeError, "value/a/1 is a set"),
    "bytes": (b"a", TypeError, "value is a bytes"),
    "complex": (1j, TypeError, "value is a complex"),
    "function": (len, TypeError, "value is a builtin_function"),
    "class": (nn.Linear, TypeError, "value is a type"),
    "seed": (np.random.PCG64(0), TypeError, "value is a PCG64"),
    "objects": ({"a": np.array([None])}, TypeError, "value/a holds object"),
    "complex array": (np.ones(2, complex), TypeError, "value holds complex128"),
    "key": ({(1, 2): 3}, TypeError, "value has a key of type tuple"),
    "circle": (circle(), ValueError, "holds itself"),
    "too deep": (nested(101), ValueError, "more than 100 deep"),
    "half a part": (type("Half", (), {"state_dict": dict})(), TypeError, "no load_state_dict"),
}


@both
@pytest.mark.parametrize("value, error, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_stored_is_named_before_writing(tmp_path, suffix, value, error, words):
    with pytest.raises(error, match=f"save_checkpoint: .*{words}"):
        nn.save_checkpoint(tmp_path / f"a{suffix}", good=1, value=value)
    assert not os.listdir(tmp_path)


def test_one_hundred_levels_are_not_too_deep(tmp_path):
    assert same(there_and_back(tmp_path / "a.npz", nested(100)), nested(100))


def test_a_checkpoint_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to save"):
        nn.save_checkpoint(tmp_path / "a.npz")


def test_parts_may_have_any_name(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", path=1, parts=2, random=np.ones(2), sha256="x")
    back = nn.load_checkpoint(tmp_path / "a.npz")
    assert back.pop("random").tolist() == [1, 1] and back == {"path": 1, "parts": 2, "sha256": "x"}


@both
def test_equal_runs_give_equal_bytes(tmp_path, suffix):
    model = nn.Linear(2, 3)
    for name in ("a", "b"):
        nn.save_checkpoint(tmp_path / f"{name}{suffix}", model=model, history={"loss": [0.5, 1]})
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


# ---- parts ------------------------------------------------------------------------------------


@both
def test_objects_are_restored_and_the_rest_is_returned(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    model, part = nn.Linear(2, 3), Part({"count": 3})
    before = bits(model)
    nn.save_checkpoint(path, model=model, part=part, other=Part({"x": (1, 2)}), epoch=7)
    fresh, part = nn.Linear(2, 3), Part(None)
    rest = nn.load_checkpoint(path, model=fresh, part=part)
    assert bits(fresh) == before and part.state == {"count": 3}
    assert same(rest, {"other": {"x": (1, 2)}, "epoch": 7})


@both
def test_the_librarys_generator_goes_on(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    nn.manual_seed(3)
    generator().integers(0, 9, 5)  # leaves half a word behind
    nn.save_checkpoint(path, epoch=1)
    expected = generator().integers(0, 9, 5).tolist()
    nn.manual_seed(4)
    mine = generator()
    nn.load_checkpoint(path)
    assert generator() is mine and mine.integers(0, 9, 5).tolist() == expected


KINDS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]


def made(kind, seed):
    return np.random.Generator(getattr(np.random, kind)(seed))


@both
@pytest.mark.parametrize("kind", KINDS)
def test_generators_of_every_kind_go_on_in_place(tmp_path, suffix, kind):
    path = tmp_path / f"a{suffix}"
    rng = made(kind, 1)
    rng.normal(size=7), rng.integers(0, 9, 3, dtype=np.int32)
    nn.save_checkpoint(path, rng=rng)
    expected = rng.normal(size=700)
    other = made(kind, 2)
    nn.load_checkpoint(path, rng=other)
    assert np.array_equal(other.normal(size=700), expected)


def test_a_generator_of_another_kind_is_refused_and_goes_on_undisturbed(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", rng=made("PCG64", 1))
    rng = made("MT19937", 1)
    before = get_state(rng)
    with pytest.raises(nn.CheckpointError, match="rng does not take.*MT19937 .*'PCG64'"):
        nn.load_checkpoint(tmp_path / "a.npz", rng=rng)
    assert same(get_state(rng), before)


WRONG_STATES = {
    "nothing": ({}, "PCG64"),
    "a list": ([1], "PCG64"),
    "no state": ({"bit_generator": "PCG64"}, "PCG64"),
    "text": ({"bit_generator": "PCG64", "state": {"state": "x", "inc": 1}}, "PCG64"),
    "too large": ({"bit_generator": "PCG64", "state": {"state": 2**200, "inc": 1},
                   "has_uint32": 0, "uinteger": 0}, "PCG64"),
    "beyond its buffer": ({"bit_generator": "MT19937", "state": {
        "key": np.zeros(624, np.uint32), "pos": 10**6}}, "MT19937"),
    "before its buffer": ({**get_state(made("Philox", 0)), "buffer_pos": -5}, "Philox"),
}  # fmt: skip


@pytest.mark.parametrize("state, kind", WRONG_STATES.values(), ids=WRONG_STATES)
def test_what_is_no_state_of_a_generator_is_refused(state, kind):
    rng = made(kind, 0)
    before = get_state(rng)
    with pytest.raises(ValueError, match="generator"):
        set_state(state, rng)
    assert same(get_state(rng), before)


def test_an_unknown_part_is_told_with_what_there_is(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", model=nn.Linear(1, 1), optimizer=Part({}), epoch=1)
    with pytest.raises(nn.CheckpointError) as caught:
        nn.load_checkpoint(tmp_path / "a.npz", optimiser=Part({}))
    text = "a.npz': unknown part 'optimiser'; did you mean 'optimizer'? Known: epoch, model, optim"
    assert text in str(caught.value)


def test_plain_values_cannot_be_restored_in_place(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", epoch=1)
    with pytest.raises(TypeError, match=r"epoch is a int, .*load_checkpoint\(\.\.\.\)\['epoch'\]"):
        nn.load_checkpoint(tmp_path / "a.npz", epoch=0)


def test_parts_are_restored_into_the_same_kind_of_thing(tmp_path):
    nn.save_checkpoint(tmp_path / "a.npz", rng=made("PCG64", 0), epoch=3)
    for parts in ({"rng": Part({})}, {"epoch": Part({})}, {"epoch": made("PCG64", 0)}):
        with pytest.raises(nn.CheckpointError, match="was saved from a (generator|value), but a"):
            nn.load_checkpoint(tmp_path / "a.npz", **parts)


def test_a_file_of_arrays_is_no_checkpoint(tmp_path):
    nn.save(tmp_path / "a.npz", nn.Linear(1, 1))
    np.savez(tmp_path / "b.npz", a=np.ones(1))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(nn.CheckpointError, match=f"{name}' holds arrays, .*use load"):
            nn.load_checkpoint(tmp_path / name)


# ---- all or nothing ---------------------------------------------------------------------------


def everything():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return {"model": model, "part": Part({"a": 1}), "rng": made("PCG64", 5)}


def states(parts):
    return bits(parts["model"]), parts["part"].state, get_state(parts["rng"]), get_state()


@both
@pytest.mark.parametrize(
    "error, seen",
    [(ValueError("it does not fit:\n    missing: lr"), nn.CheckpointError),
     (KeyError("lr"), nn.CheckpointError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["ValueError", "KeyError", "Ctrl-C"],
)  # fmt: skip
def test_if_one_part_fails_all_are_put_back(tmp_path, suffix, error, seen):
    path = tmp_path / f"a{suffix}"
    nn.save_checkpoint(path, **everything(), last=Part({"b": 1}))
    generator().random()
    parts = everything()
    last = Part({"b": [0]}, refuse=error)
    before = states(parts)
    with pytest.raises(seen) as caught:
        nn.load_checkpoint(path, **parts, last=last)
    assert same(states(parts), before) and last.state == {"b": [0]}
    if seen is nn.CheckpointError:
        text = str(caught.value)
        assert "last does not take its saved state; nothing was changed" in text
        assert str(error) in text and path.name in text


def test_a_state_that_changes_with_its_part_is_put_back(tmp_path):
    class Live(Part):
        def load_state_dict(self, state):
            self.state.update(state)

    nn.save_checkpoint(tmp_path / "a.npz", live=Live({"a": [1]}), last=Part({}))
    live = Live({"a": [2]})
    with pytest.raises(nn.CheckpointError):
        nn.load_checkpoint(tmp_path / "a.npz", live=live, last=Part({}, refuse=ValueError()))
    assert live.state == {"a": [2]}


def test_a_part_that_cannot_be_put_back_is_named(tmp_path):
    class Stubborn(Part):
        def load_state_dict(self, state):
            raise ValueError("never")

    nn.save_checkpoint(tmp_path / "a.npz", stubborn=Part({}))
    with pytest.raises(nn.CheckpointError, match="stubborn could not be put back: never"):
        nn.load_checkpoint(tmp_path / "a.npz", stubborn=Stubborn({}))


@both
def test_a_model_that_does_not_fit_is_told_before_arrays_are_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    nn.save_checkpoint(path, model=nn.Linear(1000, 1000), more=np.ones(10**6))
    other = nn.Linear(1000, 10)
    before = bits(other)
    tracemalloc.start()
    with pytest.raises(nn.CheckpointError) as caught:
        nn.load_checkpoint(path, model=other)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "model does not fit Linear; no array was read" in str(caught.value)
    assert "weight is (1000, 1000), expected (10, 1000), bias is" in str(caught.value)
    assert peak < 1e6 and bits(other) == before


def test_the_state_of_something_else_does_not_fit_a_model(tmp_path):
    model = nn.Linear(1, 1)
    nn.save_checkpoint(tmp_path / "a.npz", model=nn.optim.SGD(model.parameters()))
    with pytest.raises(nn.CheckpointError, match="missing: weight, bias\n.*unexpected: state, par"):
        nn.load_checkpoint(tmp_path / "a.npz", model=model)


# ---- damage -----------------------------------------------------------------------------------


def small_model():
    return nn.Linear(2, 1, bias=False)


def small_checkpoint(path):
    nn.manual_seed(0)
    nn.save_checkpoint(path, model=small_model(), epoch=3)
    return path.read_bytes()


def unread(path, damaged, model):
    """How the damaged content is answered: None if by the CheckpointError that it must be."""
    with open(path, "r+b") as file:
        file.write(damaged)
        file.truncate()
    try:
        nn.load_checkpoint(path, model=model)
    except nn.CheckpointError as error:
        return None if path.name in str(error) else f"does not name the file: {error}"
    except BaseException as error:
        return repr(error)
    return "was read"


@both
def test_every_truncation_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    content, model = small_checkpoint(path), small_model()
    before = bits(model)
    answers = {n: unread(path, content[:n], model) for n in range(len(content))}
    assert {n: answer for n, answer in answers.items() if answer} == {}
    assert bits(model) == before and unread(path, content, model) == "was read"


@both
def test_every_flipped_bit_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    content, model = small_checkpoint(path), small_model()
    before, wrong = bits(model), {}
    for place in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        answer = unread(path, damaged, model)
        if answer:
            wrong[place] = answer
    assert wrong == {}
    assert bits(model) == before and unread(path, content, model) == "was read"


def damages(content, count=100):
    """Runs of zeros, of noise, blocks moved, taken out, doubled and appended, at random places."""
    rng = random.Random(0)
    for _ in range(count):
        a, b = sorted(rng.sample(range(len(content) + 1), 2))
        other = rng.randrange(len(content))
        yield "zeros", content[:a] + bytes(b - a) + content[b:]
        yield "noise", content[:a] + rng.randbytes(b - a) + content[b:]
        yield "taken out", content[:a] + content[b:]
        yield "doubled", content[:b] + content[a:]
        yield "moved", content[:a] + content[b:] + content[a:b]
        yield (
            "two bits",
            bytes(c ^ (1 << rng.randrange(8)) * (k in (a, other)) for k, c in enumerate(content)),
        )
        yield "appended", content + content[a:b]


@both
def test_damage_of_other_kinds_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    content, model = small_checkpoint(path), small_model()
    before = bits(model)
    wrong = [
        (kind, answer)
        for kind, damaged in damages(content)
        if damaged != content and (answer := unread(path, damaged, model))
    ]
    assert wrong == [] and bits(model) == before


def test_an_archive_that_was_packed_anew_with_other_values_is_refused(tmp_path):
    """All its CRCs are right; only the SHA-256 tell."""
    path = tmp_path / "a.npz"
    small_checkpoint(path)
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
        comment = archive.comment
    (weight,) = [name for name in entries if "weight" in name]
    entries[weight] = entries[weight][:-1] + b"\x40"
    for keep in (comment, b""):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
            archive.comment = keep
        with pytest.raises(nn.CheckpointError, match="a.npz' is damaged: the SHA-256"):
            nn.load_checkpoint(path)


def test_one_damaged_array_is_named(tmp_path):
    """A value and its CRC both changed: the SHA-256 of the array tells which one it is."""
    path = tmp_path / "a.npz"
    nn.save(path, {"first": np.zeros(100), "second": np.zeros(100)})
    with pytest.raises(nn.CheckpointError, match="'second' is damaged.*SHA-256") as caught:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(zipfile.ZipExtFile, "_update_crc", lambda self, data: None)
            content = bytearray(path.read_bytes())
            content[content.index(b"__chalkgrad__") - 100] ^= 1
            path.write_bytes(content)
            nn.load(path)
    assert "another copy" in str(caught.value)


@needs_safetensors
def test_one_damaged_array_of_safetensors_is_named(tmp_path):
    path = tmp_path / "a.safetensors"
    nn.save(path, {"first": np.zeros(100), "second": np.zeros(100)})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(nn.CheckpointError, match="'second' is damaged.*SHA-256"):
        nn.load(path)


def forged(path, change):
    """A checkpoint whose notes were changed, with seals that are right: of an ill-willed author."""
    real = formats.notes_text

    def text(notes, digests):
        notes = json.loads(real(notes, digests))
        return json.dumps(change(notes) or notes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "notes_text", text)
        nn.save_checkpoint(path, model=nn.Linear(2, 1), epoch=3)


FORGED = {
    "newer": (lambda notes: notes.update(version=2), "written by a newer chalkgrad"),
    "no version": (lambda notes: notes.pop("version"), "damaged"),
    "a list": (lambda notes: [1], "damaged"),
    "another array": (lambda notes: notes["sha256"].update(x="0"), "other arrays than there are"),
    "no random state": (lambda notes: notes.pop("random"), "damaged"),
    "random state of another kind": (
        lambda notes: notes.update(random={"dict": [["bit_generator", "X"]]}), "generator",
    ),
    "parts that are none": (lambda notes: notes.update(parts=3), "damaged"),
    "a part of no kind": (lambda notes: notes["parts"].update(epoch=3), "damaged"),
    "unknown tag": (lambda notes: notes["parts"].update(epoch=["value", {"x": 1}]), "damaged"),
    "two tags": (
        lambda notes: notes["parts"].update(epoch=["value", {"int": "0", "float": "1"}]), "damaged",
    ),
    "no such array": (
        lambda notes: notes["parts"].update(epoch=["value", {"array": "x"}]), "damaged",
    ),
    "a key that is none": (
        lambda notes: notes["parts"].update(epoch=["value", {"dict": [[[1], 2]]}]), "damaged",
    ),
    "a model without arrays": (
        lambda notes: notes["parts"].update(model=["object", {"dict": [["weight", 3]]}]),
        "missing: bias",
    ),
    "a model that is a list": (lambda notes: notes["parts"].update(model=["object", [1]]), "damag"),
}  # fmt: skip


@both
@pytest.mark.parametrize("change, words", FORGED.values(), ids=FORGED)
def test_forged_notes_are_refused(tmp_path, suffix, change, words):
    path = tmp_path / f"a{suffix}"
    forged(path, change)
    model = nn.Linear(2, 1)
    before = bits(model), get_state()
    with pytest.raises(nn.CheckpointError, match=words):
        nn.load_checkpoint(path, model=model)
    assert same((bits(model), get_state()), before)


# ---- many at once -----------------------------------------------------------------------------


@both
def test_a_file_that_is_saved_again_and_again_can_be_read_meanwhile(tmp_path, suffix):
    path, done, seen = tmp_path / f"a{suffix}", threading.Event(), []

    def write(number):
        nn.save(path, {f"a{k}": np.full(2000, number) for k in range(4)})

    def read():
        while not done.is_set():
            numbers = {int(value) for array in nn.load(path).values() for value in set(array)}
            seen.append(numbers)

    write(0)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 60):
        write(number)
    done.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 5 and all(len(numbers) == 1 for numbers in seen)


# ---- killed in the middle ---------------------------------------------------------------------

KILLED = """
import os, random, signal, sys, time
import numpy as np
import nn

path, how = sys.argv[1:]

def save(number):
    state = {f"a{k}": np.full(3000, number) for k in range(5)}
    nn.save_checkpoint(path, number=number, **state)

def loaded():
    back = nn.load_checkpoint(path)
    number = back.pop("number")
    assert len(back) == 5 and all(np.all(a == number) for a in back.values()), number
    return number

def forked(work):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return child

def at_line(stop):
    '''Save, and die at the line of the source with this number, counted as they are run.'''
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        name = frame.f_code.co_filename
        if "nn/files/" not in name and not name.endswith(("zipfile.py", "zipfile/__init__.py")):
            return None
        count += 1
        if count == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    save(2)

def forever():
    number = loaded()
    while True:
        number += 1
        save(number)

save(1)
seen = []
if how == "lines":
    stop, status = 1, 9
    while status:
        save(1)
        _, status = os.waitpid(forked(lambda: at_line(stop)), 0)
        seen.append(loaded())
        stop += 1 + stop // 15  # every line at first, then fewer
    assert seen[0] == 1 and seen[-1] == 2 and sorted(seen) == seen, seen
else:
    rng = random.Random(0)
    for _ in range(25):
        child = forked(forever)
        time.sleep(rng.random() * 0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.append(loaded())
    assert sorted(seen) == seen and seen[-1] > 1, seen
print(len(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@both
@pytest.mark.parametrize("how, least", [("lines", 40), ("moments", 25)])
def test_killed_at_any_moment_the_last_complete_file_loads(tmp_path, suffix, how, least):
    path = tmp_path / f"a{suffix}"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), how], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= least
    left = [name for name in os.listdir(tmp_path) if name != path.name]
    assert left and all(name.startswith(".chalkgrad-") for name in left)  # of the killed ones
    nn.save_checkpoint(path, number=-1)
    assert nn.load_checkpoint(path) == {"number": -1}


# ---- resuming ---------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "SGD nesterov": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: nn.optim.Adam(p, lr=0.01, betas=(0.8, 0.99)),
    "Adam amsgrad": lambda p: nn.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: nn.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "RMSprop": lambda p: nn.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "Adagrad": lambda p: nn.optim.Adagrad(p, lr=0.1, lr_decay=0.01),
}
X = np.random.default_rng(1).normal(size=(22, 4)).astype(np.float32)
LABELS = (X.sum(axis=1) > 0).astype(int)


class Run:
    """A training run with everything that has state: the loop is written out, as a user would."""

    def __init__(self, optimizer, seed, own=False):
        nn.manual_seed(seed)
        self.rng = np.random.default_rng(seed) if own else None
        self.model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3, rng=self.rng),
            nn.Linear(8, 2),
        )  # fmt: skip
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.scheduler = nn.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.8)
        self.loader = nn.DataLoader(X, LABELS, batch_size=4, shuffle=True)
        self.epoch, self.losses = 0, []

    def parts(self):
        names = ["model", "optimizer", "scheduler", "loader"] + ["rng"] * (self.rng is not None)
        return {name: getattr(self, name) for name in names}

    def train(self, batches):
        while True:
            for x, labels in self.loader:
                self.optimizer.zero_grad()
                loss = nn.CrossEntropyLoss()(self.model(x), labels)
                loss.backward(retain_graph=False)
                self.optimizer.step()
                self.losses.append(loss.item())
                batches -= 1
                if not batches:
                    return self
            self.scheduler.step()
            self.epoch += 1

    def save(self, path):
        nn.save_checkpoint(path, **self.parts(), epoch=self.epoch, losses=self.losses)
        return self

    def resume(self, path):
        rest = nn.load_checkpoint(path, **self.parts())
        self.epoch, self.losses = rest["epoch"], rest["losses"]
        return self

    def outcome(self):
        parts = {name: part.state_dict() for name, part in self.parts().items() if name != "rng"}
        return parts, self.epoch, self.losses, get_state(), get_state(self.rng)


@both
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("done", [1, 9, 12], ids=["early", "inside an epoch", "an epoch's end"])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, suffix, optimizer, done):
    path = tmp_path / f"a{suffix}"
    expected = Run(optimizer, 0).train(20).outcome()
    Run(optimizer, 0).train(done).save(path)
    again = Run(optimizer, 1).resume(path).train(20 - done)
    assert same(again.outcome(), expected)


def test_a_run_with_a_generator_of_its_own_resumes(tmp_path):
    expected = Run("Adam", 0, own=True).train(20).outcome()
    Run("Adam", 0, own=True).train(9).save(tmp_path / "a.npz")
    again = Run("Adam", 1, own=True).resume(tmp_path / "a.npz").train(11)
    assert same(again.outcome(), expected)


def test_saving_does_not_disturb_a_run(tmp_path):
    expected = Run("Adam", 0).train(20).outcome()
    run = Run("Adam", 0).train(5).save(tmp_path / "a.npz")
    before = run.outcome()
    assert same(run.save(tmp_path / "b.npz").outcome(), before)
    assert same(Run("Adam", 7).resume(tmp_path / "b.npz").train(15).outcome(), expected)


def test_every_optimiser_is_resumed():
    made = [make([Tensor([1.0], requires_grad=True)]) for make in OPTIMIZERS.values()]
    names = {name for name in nn.optim.__all__ if name[0].isupper()} - {"Optimizer"}
    assert_cases(names, [type(o).__name__ for o in made], f"OPTIMIZERS of {__name__}")


def test_the_state_of_one_optimiser_does_not_go_into_another(tmp_path):
    run = Run("Adam", 0).train(3).save(tmp_path / "a.npz")
    model = Run("SGD", 1).model
    before = bits(model)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(nn.CheckpointError, match="optimizer does not take its saved state"):
        nn.load_checkpoint(tmp_path / "a.npz", model=model, optimizer=optimizer)
    assert bits(model) == before != bits(run.model)
