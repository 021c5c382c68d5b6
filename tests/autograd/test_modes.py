"""The modes: recording or not, scopes, anomaly detection and profiles.

Each is a context manager and a decorator, is undone whatever happens inside, and belongs to one
thread and one asyncio task.
"""

import asyncio
import contextvars
import sys
import threading

import numpy as np
import pytest

from autograd import (
    AutogradError,
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    primitive,
    profile,
    scope,
    set_grad_enabled,
)
from tests.makers import leaf


def records():
    """Whether operations are recorded now, asked of an operation itself."""
    recorded = (leaf(1.0) * 2).requires_grad
    assert recorded == is_grad_enabled()
    return recorded


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    assert records() and (leaf(1.0) * 2).scope == ""
    yield
    assert records() and (leaf(1.0) * 2).scope == ""


# ---- recording or not ---------------------------------------------------------------------------

CHANGES = {
    "no_grad": (no_grad, False),
    "enable_grad": (enable_grad, True),
    "set_grad_enabled(False)": (lambda: set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: set_grad_enabled(True), True),
}
change_inside = pytest.mark.parametrize("change, inside", CHANGES.values(), ids=CHANGES)
around = pytest.mark.parametrize("around", [no_grad, enable_grad])


@change_inside
@around
def test_a_block_changes_and_restores(change, inside, around):
    with around():
        before = records()
        with change():
            assert records() is inside
        assert records() is before


@change_inside
@around
def test_a_block_restores_after_an_exception(change, inside, around):
    with around():
        before = records()
        with pytest.raises(KeyError), change():
            raise KeyError
        assert records() is before


@change_inside
@around
def test_a_decorated_function(change, inside, around):
    @change()
    def work(a, *, b):
        """What it does."""
        return records(), a, b

    assert records()  # decorating alone changes nothing
    assert work.__name__ == "work" and work.__doc__ == "What it does."
    with around():
        before = records()
        assert work(1, b=2) == (inside, 1, 2)
        assert records() is before


@change_inside
def test_a_decorated_function_that_raises(change, inside):
    @change()
    def work():
        raise KeyError

    with pytest.raises(KeyError):
        work()
    assert records()


@change_inside
def test_a_decorated_function_may_call_itself(change, inside):
    @change()
    def work(n):
        assert records() is inside
        return [records()] + (work(n - 1) if n else [])

    assert work(3) == [inside] * 4


@change_inside
def test_one_instance_may_be_entered_inside_itself(change, inside):
    one = change()
    with one:
        with one:
            assert records() is inside
        assert records() is inside
    assert records()
    with one:
        assert records() is inside
    assert records()


def test_blocks_nest():
    seen = []
    with no_grad():
        seen.append(records())
        with enable_grad():
            seen.append(records())
            with set_grad_enabled(False):
                seen.append(records())
            seen.append(records())
        seen.append(records())
    assert seen == [False, True, False, True, False]


def test_set_grad_enabled_is_a_switch_too():
    set_grad_enabled(False)
    assert not records()
    set_grad_enabled(True)
    assert records()


def test_a_switch_inside_a_block_ends_with_the_block():
    with no_grad():
        set_grad_enabled(True)
        assert records()
        with no_grad():
            assert not records()
        assert records()
    assert records()


def test_set_grad_enabled_used_twice_comes_back_to_where_each_use_began():
    one = set_grad_enabled(False)
    with one:
        assert not records()
    assert records()
    with no_grad():
        with one:
            assert not records()
        assert not records()
    assert records()


def test_set_grad_enabled_leaves_the_scope_alone():
    with scope("a"):
        one = set_grad_enabled(True)
    with scope("b"), one:
        assert (leaf(1.0) * 2).scope == "b"


def test_a_result_keeps_what_it_was_recorded_with():
    x = leaf(3.0)
    y = x * x
    with no_grad():
        y.backward()  # backward needs no recording of its own
    assert x.grad == 6


@pytest.mark.parametrize("create_graph", [False, True])
def test_create_graph_decides_for_itself_what_is_recorded(create_graph):
    x = leaf(3.0)
    y = x * x * x
    for mode in (no_grad, enable_grad):
        with mode():
            (slope,) = grad(y, x, create_graph=create_graph)
        assert slope.requires_grad is create_graph


# ---- generators and coroutines ------------------------------------------------------------------


@change_inside
@around
def test_a_decorated_generator_does_not_leak_to_its_caller(change, inside, around):
    @change()
    def work():
        for _ in range(3):
            yield records()

    with around():
        before, seen = records(), []
        for value in work():
            seen.append((value, records()))
        assert seen == [(inside, before)] * 3


def test_a_decorated_generator_is_sent_to_and_returns():
    @no_grad()
    def work():
        first = yield records()
        second = yield first + 1
        return second, records()

    steps = work()
    assert next(steps) is False and records()
    assert steps.send(10) == 11 and records()
    with pytest.raises(StopIteration) as stop:
        steps.send(20)
    assert stop.value.value == (20, False) and records()


def test_a_decorated_generator_is_thrown_into():
    @no_grad()
    def work():
        try:
            yield 1
        except KeyError:
            yield records()

    steps = work()
    next(steps)
    assert steps.throw(KeyError("x")) is False and records()
    with pytest.raises(ValueError, match="out"):
        steps.throw(ValueError("out"))
    assert records()


def test_a_decorated_generator_is_closed_in_its_own_mode():
    seen = []

    @no_grad()
    def work():
        with scope("inside"):
            try:
                yield 1
            finally:
                seen.append(records())

    steps = work()
    next(steps)
    steps.close()
    assert seen == [False] and records()
    next(steps := work())
    del steps  # the same by reference counting
    assert seen == [False, False] and records()


def test_a_decorated_generator_keeps_a_change_of_its_own_between_steps():
    @no_grad()
    def work():
        yield records()
        set_grad_enabled(True)
        yield records()
        yield records()

    steps = work()
    assert [next(steps), next(steps), next(steps)] == [False, True, True]
    with no_grad():
        pass
    assert records()


def test_two_decorated_generators_in_turns():
    @no_grad()
    def off():
        while True:
            yield records()

    @enable_grad()
    def on():
        while True:
            yield records()

    a, b = off(), on()
    assert [next(s) for s in (a, b, a, b, b, a)] == [False, True, False, True, True, False]


def test_yield_from_a_decorated_generator():
    @no_grad()
    def inner():
        got = yield records()
        return got

    def outer():
        return (yield from inner()), records()

    steps = outer()
    assert next(steps) is False
    with pytest.raises(StopIteration) as stop:
        steps.send("x")
    assert stop.value.value == ("x", True)


def test_blocks_that_end_in_another_order_end_well():
    """A plain generator with a block inside leaks its mode: the outer block takes it away."""

    def work():
        with no_grad():
            yield
            yield

    steps = work()
    with enable_grad():
        next(steps)
        assert not records()  # as with PyTorch: only a decorated generator is kept apart
    assert records()
    steps.close()
    assert records()


def test_asyncio_tasks_do_not_see_each_other():
    seen = []

    @no_grad()
    async def off(name):
        for _ in range(3):
            seen.append((name, records()))
            await asyncio.sleep(0)
        return name

    async def on(name):
        with enable_grad(), scope(name):
            for _ in range(3):
                seen.append(((leaf(1.0) * 2).scope, records()))
                await asyncio.sleep(0)
        return name

    async def main():
        done = await asyncio.gather(off("a"), on("b"), off("c"))
        return done, records()

    assert asyncio.run(main()) == (["a", "b", "c"], True)
    assert seen == [("a", False), ("b", True), ("c", False)] * 3


def test_a_decorated_coroutine_that_raises():
    @no_grad()
    async def work():
        await asyncio.sleep(0)
        raise KeyError

    async def main():
        with pytest.raises(KeyError):
            await work()
        return records()

    assert asyncio.run(main())


def test_an_asynchronous_generator_is_refused_with_the_cure():
    async def work():
        yield 1

    for change in (no_grad(), scope("a"), enable_grad()):
        with pytest.raises(TypeError, match=r"asynchronous generator, work; write `with"):
            change(work)


def test_a_block_that_ends_in_another_context_harms_nothing():
    block = no_grad()
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    assert records()


# ---- threads ------------------------------------------------------------------------------------


def in_turns(*works):
    """Run each work(step) in a thread; step() lets the threads advance one after the other."""
    barrier, errors = threading.Barrier(len(works), timeout=20), []

    def run(work):
        try:
            work(barrier.wait)
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


@pytest.mark.parametrize("change", [no_grad, lambda: scope("shared")], ids=["no_grad", "scope"])
def test_threads_may_share_one_instance(change):
    shared, seen = change(), {}

    def plain(step):
        with shared:
            step()
            step()
        seen["plain"] = records(), (leaf(1.0) * 2).scope
        step()

    def within(step):
        with no_grad(), scope("mine"):
            step()
            with shared:
                step()
                step()
            seen["within"] = records(), (leaf(1.0) * 2).scope

    in_turns(plain, within)
    assert seen == {"plain": (True, ""), "within": (False, "mine")}


def test_a_new_thread_records():
    seen = []
    with no_grad(), scope("main"):
        thread = threading.Thread(target=lambda: seen.append((records(), (leaf(1.0) * 2).scope)))
        thread.start()
        thread.join()
        assert not records()
    assert seen == [(True, "")]


# ---- scopes -------------------------------------------------------------------------------------


def test_scopes_nest_with_dots_and_end():
    x = leaf(1.0)
    with scope("model"):
        a = x * 2
        with scope("head"):
            b = a * 2
        c = b * 2
    assert [t.scope for t in (x, a, b, c, x * 2)] == ["", "model", "model.head", "model", ""]


def test_every_kind_of_result_has_its_scope():
    x = leaf([[2.0, 0.0], [0.0, 1.0]])
    with scope("s"):
        results = [x * 2, 2 * x, x @ x, -x, np.sin(x), x[0], x.sum(), np.stack([x, x]), x.mean(),
                   np.linalg.eigh(x)[0], x.astype(np.float32), x.clone()]  # fmt: skip
    assert [t.scope for t in results] == ["s"] * len(results)


def test_a_scope_takes_any_object_and_asks_its_name_only_when_read():
    class Named:
        asked = 0

        def __str__(self):
            Named.asked += 1
            return "named"

    with scope(Named()):
        y = leaf(1.0) * 2
    assert Named.asked == 0
    assert y.scope == "named" and Named.asked == 1


def test_a_scope_as_a_decorator_and_by_recursion():
    one = scope("f")

    @one
    def work(n):
        return [(leaf(1.0) * 2).scope] + (work(n - 1) if n else [])

    assert work(2) == ["f", "f.f", "f.f.f"]
    with one, one:
        assert (leaf(1.0) * 2).scope == "f.f"


def test_a_scope_survives_modes_and_modes_survive_scopes():
    with scope("a"), no_grad(), scope("b"), enable_grad():
        assert (leaf(1.0) * 2).scope == "a.b" and records()


def test_a_scope_is_left_after_an_exception():
    with pytest.raises(KeyError), scope("a"):
        raise KeyError


def test_the_backward_pass_under_create_graph_is_recorded_where_it_is_asked_for():
    x = leaf(3.0)
    with scope("forward"):
        y = x * x * x
    with scope("backward"):
        (slope,) = grad(y, x, create_graph=True)
    assert slope.scope == "backward"


# ---- anomalies ----------------------------------------------------------------------------------


def line_of(error):
    """The line of the caller's frame in this file, in the way the message gives it."""
    frame = sys._getframe(1)
    return f"{__file__}:{error} in {frame.f_code.co_name}"


def anomaly(function):
    with np.errstate(all="ignore"), pytest.raises(AutogradError) as raised, detect_anomaly():
        function()
    return str(raised.value)


def test_an_anomaly_forward_names_operation_shapes_and_line():
    x = leaf([1.0, -1.0])

    def work():
        np.log(x) * 2

    message = anomaly(work)
    line = work.__code__.co_firstlineno + 1
    assert message.startswith("log: its result holds nan (input shapes (2,))")
    assert line_of(line).rpartition(" in ")[0] in message and message.endswith(" in work")
    assert "already" not in message


def test_an_anomaly_backward_names_the_line_of_the_forward():
    x = leaf([[0.0, 4.0]])

    def work():
        y = np.sqrt(x)
        y.sum().backward()

    message = anomaly(work)
    assert message.startswith("sqrt: its gradient holds inf (input shapes (1, 2))")
    assert f"{__file__}:{work.__code__.co_firstlineno + 1} in work" in message
    assert "its derivative is" in message and "already" not in message
    assert x.grad is None


def test_an_anomaly_says_when_it_was_recorded_outside():
    y = np.sqrt(leaf(0.0))
    assert "recorded outside of detect_anomaly()" in anomaly(y.backward)


def test_an_anomaly_says_when_an_input_already_held_it():
    assert "; an input already held nan or inf" in anomaly(lambda: leaf([np.nan, 1.0]) * 2)
    assert "; an input already held nan or inf" in anomaly(lambda: np.stack([leaf(np.inf), 1.0]))
    assert "; an input already" in anomaly(lambda: Tensor([np.nan]) * 2)


def test_an_anomaly_says_when_the_incoming_gradient_already_held_it():
    x = leaf([1.0, 2.0])
    message = anomaly(lambda: (x * 2).backward([np.nan, 1.0]))
    assert message.startswith("multiply: its gradient holds nan")
    assert "; the incoming gradient already held nan or inf" in message


@pytest.mark.parametrize(
    "work, operation",
    [
        (lambda: leaf([1.0]) / 0.0, "divide"),
        (lambda: 1.0 / leaf([0.0]), "divide"),
        (lambda: Tensor([0.0]) / 0.0, "divide"),
        (lambda: np.exp(leaf(1000.0)), "exp"),
        (lambda: leaf([0.0]) ** -1, "power"),
        (lambda: leaf([1e308]).astype(np.float32), "astype"),
        (lambda: primitive(lambda x: (x, x * np.nan), lambda g, y, x: g[0])(leaf(1.0)), "lambda"),
        (lambda: primitive(lambda x: (x, x * np.nan), lambda g, y, x: g[0])(Tensor(1.0)), "lambda"),
    ],
    ids=["x/0", "1/x", "not recorded", "overflow", "power", "astype", "several", "several plain"],
)
def test_anomalies_forward_of_every_way_in(work, operation):
    assert operation in anomaly(work).split(":")[0]


def test_anomalies_backward_in_a_list():
    join = primitive(lambda xs: xs[0] + xs[1], lambda g, y, xs: [g, g * np.inf])
    message = anomaly(lambda: join([leaf(1.0), leaf(2.0)]).backward())
    assert "its gradient holds inf" in message and "test_modes.py" in message


def test_anomalies_under_create_graph():
    x = leaf(0.0)
    message = anomaly(lambda: grad(np.sqrt(x), x, create_graph=True))
    assert "holds inf" in message


def test_an_anomaly_names_the_scope():
    def work():
        with scope("model"), scope("head"):
            np.log(leaf(-1.0))

    assert "in scope model.head" in anomaly(work)


def test_without_an_anomaly_nothing_changes():
    x = leaf([1.0, 2.0])
    with detect_anomaly():
        (np.log(x) * x + x[::-1] + np.linalg.norm(x)).sum().backward()
        values, vectors = np.linalg.eigh(leaf([[2.0, 1.0], [1.0, 3.0]]))
        (values.sum() + np.stack([x, x]).sum()).backward()
    with_watch, x = x.grad, leaf([1.0, 2.0])
    (np.log(x) * x + x[::-1] + np.linalg.norm(x)).sum().backward()
    np.stack([x, x]).sum().backward()
    assert np.array_equal(with_watch, x.grad)


def test_integers_and_booleans_are_no_anomaly():
    with detect_anomaly():
        assert (Tensor([1, 2]) * 2).tolist() == [2, 4]


def test_a_bad_rule_is_told_as_such_under_detect_anomaly():
    bad = primitive(np.copy, lambda g, y, x: None)
    with detect_anomaly(), pytest.raises(AutogradError, match="is a `return` missing"):
        bad(leaf(1.0)).backward()


def test_detect_anomaly_as_a_decorator():
    @detect_anomaly()
    def work():
        with np.errstate(all="ignore"):
            return np.log(leaf(-1.0))

    with pytest.raises(AutogradError, match="log: its result holds nan"):
        work()
    with np.errstate(all="ignore"):
        assert np.isnan(np.log(leaf(-1.0)).item())  # and outside nobody looks


# ---- profiles -----------------------------------------------------------------------------------


def test_a_profile_counts_calls_by_phase_scope_and_operation():
    x = leaf(np.ones((10, 10)))
    with profile(verbose=False) as p:
        with scope("model"):
            y = x * 2 * 3
            with scope("head"):
                z = np.sin(y)
        z.sum().backward()
    counts = {key: row[0] for key, row in p.rows.items()}
    assert counts == {
        ("forward", "model", "multiply"): 2,
        ("forward", "model.head", "sin"): 1,
        ("forward", "", "sum"): 1,
        ("backward", "model", "multiply"): 2,
        ("backward", "model.head", "sin"): 1,
        ("backward", "", "sum"): 1,
    }
    assert all(seconds >= 0 for _, seconds, _ in p.rows.values())
    assert p.rows["forward", "model", "multiply"][2] == 2 * 800
    assert p.rows["forward", "", "sum"][2] == 8


def test_a_profile_counts_what_is_not_recorded_and_several_results():
    with profile(verbose=False) as p, no_grad():
        np.linalg.eigh(leaf(np.eye(2)))
        np.stack([Tensor(1.0), Tensor(2.0)])
    assert {(name, row[0]) for (_, _, name), row in p.rows.items()} == {("eigh", 1), ("stack", 1)}
    assert p.rows["forward", "", "eigh"][2] == 2 * 8 + 4 * 8


def test_a_profile_prints_as_its_table():
    with profile(verbose=False) as p:
        Tensor([1.0]) * 2
    assert str(p) == p.table()
    assert [line.split()[0] for line in str(p).splitlines()] == ["phase", "forward"]


def test_a_profile_counts_nothing_outside():
    p = profile(verbose=False)
    leaf(1.0) * 2
    with p:
        leaf(1.0) * 2
    leaf(1.0) * 2
    assert [row[0] for row in p.rows.values()] == [1]
    with p:  # and entered again it goes on
        leaf(1.0) * 2
    assert [row[0] for row in p.rows.values()] == [2]


def test_a_profile_changes_no_gradient():
    x, seen = leaf([1.0, 2.0]), []
    for watch in (profile(verbose=False), scope("plain")):
        x.zero_grad()
        with watch:
            (np.stack([x, x * x])[:, 0] * np.sin(x[1])).sum().backward()
        seen.append(x.grad.tolist())
    assert seen[0] == seen[1]


def test_the_table_of_a_profile():
    with profile(verbose=False) as p, scope("model"):
        (leaf(1.0) * 2).backward()
    head, *rows = p.table().splitlines()
    assert head.split() == ["phase", "scope", "operation", "calls", "ms", "%", "MB"]
    assert sorted(row.split()[:4] for row in rows) == [
        ["backward", "model", "multiply", "1"],
        ["forward", "model", "multiply", "1"],
    ]
    assert len({len(line) for line in [head, *rows]}) == 1  # the columns line up
    assert abs(sum(float(row.split()[5]) for row in rows) - 100) < 0.3


def test_an_empty_profile_has_a_table():
    assert len(profile(verbose=False).table().splitlines()) == 1


def test_a_profile_prints_at_the_end_unless_told_not_to(capsys):
    with profile():
        leaf(1.0) * 2
        assert capsys.readouterr().out == ""
    assert "multiply" in capsys.readouterr().out
    with profile(verbose=False):
        leaf(1.0) * 2
    with pytest.raises(KeyError), profile():
        raise KeyError
    assert capsys.readouterr().out == ""


def test_a_profile_as_a_decorator_prints_each_call(capsys):
    @profile()
    def work():
        return leaf(1.0) * 2

    work(), work()
    assert capsys.readouterr().out.count("multiply") == 2


def test_profile_and_anomaly_together():
    with profile(verbose=False) as p, pytest.raises(AutogradError), detect_anomaly():
        with np.errstate(all="ignore"):
            np.sqrt(leaf(0.0)).backward()
    assert ("backward", "", "sqrt") in p.rows
