"""What a plugin does beside its task is noted, and undone."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
import torch

from torch.distributions import Distribution

from kldiv.isolation import forget_since, isolated, told


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("one\n  two"), "ValueError: one two"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (Unspeakable(), "Unspeakable: (its message cannot be shown: RuntimeError)"),
    ],
)
def test_an_error_is_told_in_a_line_whatever_it_is(error, text):
    assert told(error) == text


def test_what_behaves_has_no_misdeeds(capsys):
    with isolated() as misdeeds:
        sum(range(10))
    assert misdeeds == []
    assert sys.stdout.write("seen") == 4
    assert capsys.readouterr().out == "seen"


@pytest.mark.parametrize(
    ("do", "misdeed", "read"),
    [
        (lambda: os.chdir(os.sep), "changed the working folder", os.getcwd),
        (
            lambda: torch.set_default_dtype(torch.float64),
            "changed torch's default type",
            torch.get_default_dtype,
        ),
        (
            lambda: torch.set_default_device("meta"),
            "changed torch's default device",
            lambda: str(torch.get_default_device()),
        ),
        (
            lambda: torch.set_grad_enabled(False),
            "changed torch's gradient mode",
            torch.is_grad_enabled,
        ),
        (
            lambda: torch.use_deterministic_algorithms(True),
            "changed torch's choice of deterministic algorithms",
            torch.are_deterministic_algorithms_enabled,
        ),
        (
            lambda: torch.manual_seed(3),
            "changed torch's random seed",
            lambda: torch.get_rng_state().tolist(),
        ),
        (
            lambda: torch.set_num_threads(2),
            "changed torch's number of threads",
            torch.get_num_threads,
        ),
        (
            lambda: Distribution.set_default_validate_args(False),
            "changed torch's check of distributions",
            lambda: Distribution._validate_args,
        ),
    ],
)
def test_a_change_of_what_all_share_is_noted_and_undone(do, misdeed, read):
    before = read()
    with isolated() as misdeeds:
        do()
        assert read() != before
    assert misdeeds == [misdeed]
    assert read() == before


def test_it_is_undone_when_the_block_fails():
    def fail():
        with isolated():
            torch.set_default_dtype(torch.float64)
            raise SystemExit

    with pytest.raises(SystemExit):
        fail()
    assert torch.get_default_dtype() is torch.float32


def test_what_is_printed_is_kept_and_what_others_print_meanwhile_is_shown(capsys):
    with isolated() as misdeeds:
        print("hello")  # noqa: T201 (what is tested)
        sys.stdout.flush()
        other = threading.Thread(target=print, args=["from another thread"])
        other.start()
        other.join()
    assert misdeeds == ["printed 'hello'"]
    assert capsys.readouterr().out == "from another thread\n"


def test_drawing_numbers_is_no_misdeed():
    with isolated() as misdeeds:
        torch.rand(3)
    assert misdeeds == []


def test_settings_of_torch_are_put_back_where_the_block_imported_torch_itself():
    code = (
        "from kldiv.isolation import isolated\n"
        "with isolated() as misdeeds:\n"
        "    import torch; torch.set_default_dtype(torch.float64)\n"
        "print(misdeeds, torch.get_default_dtype())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '["changed torch\'s default type"] torch.float32\n'


def test_modules_are_forgotten_with_what_they_hold(monkeypatch):
    before = set(sys.modules)
    for name in ("kldiv_foo", "kldiv_foo.inner", "kldiv_food"):
        monkeypatch.setitem(sys.modules, name, threading)
    forget_since(before, "kldiv_foo")
    assert {name for name in sys.modules if name.startswith("kldiv_foo")} == {"kldiv_food"}


def test_threads_that_are_isolated_at_once_leave_the_stream_as_it_was(capsys):
    both, done = threading.Barrier(2), threading.Event()
    stream = sys.stdout

    def second():
        both.wait()
        with isolated():  # begins inside of the first
            both.wait()
            done.wait()

    thread = threading.Thread(target=second)
    thread.start()
    with isolated() as misdeeds:
        both.wait()
        both.wait()
        sys.stdout.write("kept")
    sys.stdout.write("shown")
    done.set()
    thread.join()
    assert misdeeds == ["printed 'kept'"]
    assert sys.stdout is stream
    assert capsys.readouterr().out == "shown"
