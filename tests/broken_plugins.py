"""Plugins that are broken, each in its own way, with what is to be said of it."""

from __future__ import annotations

import textwrap

from dataclasses import dataclass, field

__all__ = ["BROKEN", "Broken"]


@dataclass(frozen=True)
class Broken:
    """A distribution ``kldiv-broken`` of a front module ``kldiv_broken``.

    Arguments:
        front: The source of the front module.
        cause: What the diagnosis has to say.
        state: How its loading ends.
        files: More files of it.
        entry_points: Its entry points, where they are not the usual one.
        metadata: Other text of its metadata files, ``None`` for no such file.
    """

    front: str
    cause: str
    state: str = "failed"
    files: dict = field(default_factory=dict)
    entry_points: dict | None = None
    metadata: dict = field(default_factory=dict)


def hook(body, name="kldiv_divergences"):
    """A front module with one hook."""
    lines = textwrap.indent(textwrap.dedent(body), "    ")
    return f"import kldiv\n@kldiv.hookimpl\ndef {name}():\n{lines}\n"


def offering(item):
    return hook(f"return {{'broken': {item}}}")


GOOD = offering("'kldiv.builtin.divergences.kl:KL'")

IMPORTS = {
    "raises on import": Broken("raise RuntimeError('no way')", "RuntimeError: no way"),
    "exits on import": Broken("import sys; sys.exit(3)", "SystemExit: 3"),
    "exits on import as if all were well": Broken("raise SystemExit", "SystemExit"),
    "is cancelled on import": Broken(
        "import asyncio; raise asyncio.CancelledError('never mind')", "CancelledError: never mind"
    ),
    "raises what cannot be told": Broken(
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        "Odd: (its message cannot be shown: ValueError)",
    ),
    "raises a group": Broken("raise ExceptionGroup('all', [ValueError('one')])", "all (1 sub-exc"),
    "has bad syntax": Broken("def (:", "SyntaxError"),
    "is indented badly": Broken("x = 1\n  y = 2", "IndentationError"),
    "is no text": Broken("x = '\0'", "null bytes"),
    "is in another encoding": Broken("# -*- coding: nonsense -*-", "unknown encoding"),
    "has no front module": Broken(
        "", "No module named 'kldiv_elsewhere'", entry_points={"broken": "kldiv_elsewhere"}
    ),
    "has no such attribute": Broken(
        "", "AttributeError: module 'kldiv_broken'", entry_points={"broken": "kldiv_broken:front"}
    ),
    "has an entry point that is none": Broken(
        GOOD, "must name a module, got 'not a module!'", entry_points={"broken": "not a module!"}
    ),
    "misses a dependency": Broken("import no_such_library", "No module named 'no_such_library'"),
    "imports what has gone": Broken("from kldiv import no_such_name", "no_such_name"),
    "imports in a circle": Broken(
        "from kldiv_broken_inner import item\nname = 1",
        "cannot import name 'name' from partially initialized module 'kldiv_broken'",
        files={"kldiv_broken_inner.py": "from kldiv_broken import name\nitem = name"},
    ),
    "recurses for ever": Broken("def f(): return f()\nf()", "RecursionError"),
    "uses a registry while it is imported": Broken(
        "import kldiv\nlist(kldiv.divergences)", "must not use a registry while it is imported"
    ),
    "has no hooks": Broken("x = 1", "no function marked with @kldiv.hookimpl"),
    "marks hooks for another program": Broken(
        "import pluggy\n@pluggy.HookimplMarker('pytest')\ndef kldiv_targets(): return {}",
        "no function marked with @kldiv.hookimpl",
    ),
    "has a hook that takes arguments": Broken(
        GOOD.replace("()", "(config)", 1), "Argument(s) {'config'}"
    ),
    "is for a later API": Broken(
        f"{GOOD}KLDIV_PLUGIN_API = 99", "written for plugin API 99", "incompatible"
    ),
    "is for an API that is no number": Broken(
        f"{GOOD}KLDIV_PLUGIN_API = '1'", "written for plugin API '1'", "incompatible"
    ),
    "has entry points that cannot be read": Broken(
        GOOD,
        "its entry_points.txt cannot be read",
        metadata={"entry_points.txt": "[kldiv]\nnonsense\n"},
    ),
}

HOOKS = {
    "misspells a hook": Broken(
        GOOD + hook("return {}", "kldiv_divergencies"),
        "unknown hook 'kldiv_divergencies'; did you mean 'kldiv_divergences'?",
        "degraded",
    ),
    "raises in a hook": Broken(hook("1 / 0"), "ZeroDivisionError", "degraded"),
    "exits in a hook": Broken(hook("raise SystemExit('bye')"), "SystemExit: bye", "degraded"),
    "returns nothing": Broken(hook("pass"), "must return a mapping, got None", "degraded"),
    "returns a list": Broken(hook("return ['a']"), "must return a mapping, got ['a']", "degraded"),
    "returns a mapping that raises": Broken(
        hook(
            """
            import collections
            class Odd(collections.UserDict):
                def items(self): raise OSError("gone")
            return Odd()
            """
        ),
        "OSError: gone",
        "degraded",
    ),
    "offers a number": Broken(offering(3), "3 of type int cannot be offered", "degraded"),
    "offers text that is no place": Broken(offering("'there'"), "'package.module:N", "degraded"),
    "offers a bad name": Broken(hook("return {'No-Name': dict}"), "is lower case", "degraded"),
    "offers a name that is no text": Broken(hook("return {7: dict}"), "7: a name is", "degraded"),
    "offers a name twice": Broken(
        GOOD,
        "another entry point of 'kldiv-broken' offers 'broken' too",
        "degraded",
        files={"kldiv_broken_too.py": GOOD},
        entry_points={"a": "kldiv_broken_too", "b": "kldiv_broken"},
    ),
    "offers closed forms that are no list": Broken(
        GOOD + hook("return 'a.b:C'", "kldiv_closed_forms"), "must return a list", "degraded"
    ),
    "offers a gallery that is not there": Broken(
        GOOD + hook("return {'Mine': 'gallery'}", "kldiv_gallery"), "no folder", "degraded"
    ),
    "prints": Broken(f"print('welcome!')\n{GOOD}", "it printed 'welcome!'", "degraded"),
    "changes torch's default type": Broken(
        f"import torch; torch.set_default_dtype(torch.float64)\n{GOOD}",
        "it changed torch's default type",
        "degraded",
    ),
    "seeds torch": Broken(
        f"import torch; torch.manual_seed(0)\n{GOOD}", "it changed torch's random s", "degraded"
    ),
    "switches gradients off": Broken(
        f"import torch; torch.set_grad_enabled(False)\n{GOOD}", "gradient mode", "degraded"
    ),
    "leaves for another folder": Broken(
        f"import os; os.chdir(os.sep)\n{GOOD}", "it changed the working folder", "degraded"
    ),
}

ITEMS = {
    "is slow": Broken(f"import time; time.sleep(1.05)\n{GOOD}", "front module takes 1.", "ok"),
    "offers a built-in name": Broken(
        hook("return {'kl': 'kldiv.builtin.divergences.kl:KL'}"),
        "kldiv offers this name too, so write 'kldiv-broken:kl'",
        "ok",
    ),
    "offers another plugin's name": Broken(
        hook("return {'good': 'kldiv.builtin.divergences.kl:KL'}"),
        "kldiv-good offers this name too, so write 'kldiv-broken:good'",
        "ok",
    ),
    "offers what is in no module": Broken(
        offering("'kldiv_broken.inner:Item'"), "No module named 'kldiv_broken.inner'", "ok"
    ),
    "offers what its module has not": Broken(
        offering("'kldiv_broken:Item'"), "module 'kldiv_broken' has no attribute 'Item'", "ok"
    ),
    "offers what needs something more": Broken(
        offering("kldiv.Lazy('kldiv_broken_inner:Item', extra='kldiv-broken[more]')"),
        "install it with: pip install 'kldiv-broken[more]'",
        "ok",
        files={"kldiv_broken_inner.py": "import no_such_library"},
    ),
    "exits when an item is imported": Broken(
        offering("'kldiv_broken_inner:Item'"),
        "SystemExit: 5",
        "ok",
        files={"kldiv_broken_inner.py": "raise SystemExit(5)"},
    ),
    "changes torch's default type when an item is imported": Broken(
        offering("'kldiv_broken_inner:KL'"),
        "'kldiv_broken_inner' changed torch's default type while it was imported",
        "ok",
        files={
            "kldiv_broken_inner.py": "import torch; torch.set_default_dtype(torch.float64)\n"
            "from kldiv.builtin.divergences.kl import KL"
        },
    ),
    "offers a divergence that is none": Broken(offering("dict"), "got {}", "ok"),
    "offers a target that is none": Broken(
        hook("return {'broken': 'collections:OrderedDict'}", "kldiv_targets"), "OrderedDict", "ok"
    ),
    "offers a family that is none": Broken(
        hook("return {'broken': dict}", "kldiv_families"), "a family must be a class", "ok"
    ),
    "offers an item that raises": Broken(
        hook("def broken(): raise LookupError('lost')\nreturn {'broken': broken}"),
        "LookupError: lost",
        "ok",
    ),
    "offers an item that prints": Broken(
        hook("return {'broken': lambda: print('hi') or kldiv.divergences.create('kl')}"),
        "it printed 'hi' when it was made",
        "ok",
    ),
    "offers closed forms that cannot be imported": Broken(
        GOOD + hook("return ['kldiv_broken_inner:FORMS']", "kldiv_closed_forms"),
        "No module named 'kldiv_broken_inner'",
        "ok",
    ),
    "offers closed forms that are none": Broken(
        GOOD + hook("return [3]", "kldiv_closed_forms"), "3 of type int is no kldiv.Clo", "ok"
    ),
}

BROKEN = IMPORTS | HOOKS | ITEMS
