"""G15: from a fresh process to a fitted answer, and to the end of the process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from collections.abc import Iterator, Mapping

from benchmarks.comparison import Claim, Goal, Record, Round, ratio

__all__ = ["GOAL"]

CASE = "fresh process to its answer"
END = "fresh process to its end"
PARTS = "W, M, S = (0.35, 0.65), (-2.0, 2.0), (0.8, 1.0)\n"
KLDIV = """
import kldiv
target = "mixture(weights=[0.35, 0.65], loc=[-2.0, 2.0], scale=[0.8, 1.0])"
fit = kldiv.fit(target, "normal", direction="reverse", starts={"loc": 0.0, "scale": 1.0})
print(float(fit.parameters["loc"]))
"""
PYRO = """
import torch, pyro, pyro.distributions as dist
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
pyro.set_rng_seed(0)
parts = dist.Normal(torch.tensor(M), torch.tensor(S))
target = dist.MixtureSameFamily(dist.Categorical(torch.tensor(W)), parts)
def model():
    z = pyro.sample("z", dist.Normal(0.0, 1.0).mask(False))
    pyro.factor("log_density", target.log_prob(z))
guide = AutoNormal(model, init_loc_fn=lambda _: torch.tensor(0.0), init_scale=1.0)
elbo = Trace_ELBO(num_particles=10, vectorize_particles=True)
svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.03}), elbo)
for _ in range(500):
    svi.step()
print(float(guide.locs.z))
"""
NUMPYRO = """
import jax, jax.numpy as jnp, numpyro, optax, numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal
w, m, s = map(jnp.array, (W, M, S))
density = lambda x: jax.nn.logsumexp(jnp.log(w / s) - 0.5 * ((x - m) / s) ** 2)
def model():
    z = numpyro.sample("z", dist.ImproperUniform(dist.constraints.real, (), ()))
    numpyro.factor("log_density", density(z))
svi = SVI(model, AutoNormal(model, init_scale=1.0), optax.adam(0.03), Trace_ELBO(10))
found = svi.run(jax.random.PRNGKey(0), 500, progress_bar=False)
print(float(found.params["z_auto_loc"]))
"""
TFP = """
import jax, jax.numpy as jnp, optax
from tensorflow_probability.substrates import jax as tfp
w, m, s = map(jnp.array, (W, M, S))
def density(x):
    return jax.nn.logsumexp(jnp.log(w / s) - 0.5 * ((x[..., None] - m) / s) ** 2, -1)
found, _ = tfp.vi.fit_surrogate_posterior_stateless(
    density,
    build_surrogate_posterior_fn=lambda loc, scale: tfp.distributions.Normal(loc, jnp.exp(scale)),
    initial_parameters=(jnp.zeros(()), jnp.zeros(())), optimizer=optax.adam(0.03),
    num_steps=500, sample_size=10, seed=jax.random.PRNGKey(0), jit_compile=True)
print(float(found[0]))
"""
FOREIGN = "print([m for m in ('scipy', 'matplotlib', 'sympy', 'torch._dynamo') if m in modules])"


def _run(code: str) -> tuple[float, float, str]:
    """Seconds to the first line that a program prints and to its end, and what it prints.

    Modules are compiled once, as those that pip installs are.
    """
    own = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-u", "-c", code]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own) as process:
        first = process.stdout.readline()  # type: ignore[union-attr] (it is a pipe)
        answered = time.perf_counter() - began
        rest = process.stdout.read()  # type: ignore[union-attr]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return answered, time.perf_counter() - began, first + rest


def _timed(programs: Mapping[str, str], turns: int = 5) -> Iterator[Record]:
    """Programs in turns, each in a process of its own; the first turn fills the disk's caches."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for turn in range(turns + 1):
        for name, code in programs.items():
            answered, ended, _ = _run(PARTS + code)
            if turn:
                taken[name].append((answered, ended))
    for name, pairs in taken.items():
        answered, ended = map(statistics.median, zip(*pairs, strict=True))
        yield {"case": CASE, "method": name, "seconds": answered}
        yield {"case": END, "method": name, "seconds": ended}


def kldiv_side(_: float) -> Iterator[Record]:
    """The fit, and the parts of it that are imports."""
    programs = {
        "kldiv": KLDIV,
        "import torch": "import torch\nprint()",
        "import of kldiv": "import kldiv\nprint()",
        "python": "print()",
    }
    yield from _timed(programs)
    *_, printed = _run(f"from sys import modules\n{PARTS}{KLDIV}{FOREIGN}")
    loaded = printed.splitlines()[-1]
    count = loaded.count("'") // 2
    yield {"case": CASE, "method": "imported by kldiv", "count": count, "which": loaded}


def torch_side(_: float) -> Iterator[Record]:
    """Pyro, 500 steps."""
    yield from _timed({"Pyro": PYRO}, 3)


def jax_side(_: float) -> Iterator[Record]:
    """NumPyro and TFP, 500 steps."""
    yield from _timed({"NumPyro": NUMPYRO, "TFP": TFP}, 3)


def _over_torch(found: Round) -> float | None:
    own, alone = found.best(CASE, "kldiv"), found.best(CASE, "import torch")
    return None if own is None or alone is None else own / alone


def _import(found: Round) -> float | None:
    own, alone = found.best(CASE, "import of kldiv"), found.best(CASE, "python")
    return None if own is None or alone is None else 1000 * (own - alone)


GOAL = Goal(
    "G15",
    "A fresh process to a fitted answer",
    {"kldiv": kldiv_side, "torch": torch_side, "jax": jax_side},
    [
        Claim("kldiv / import torch alone", 1.05, _over_torch, at_least=False, prototype="1.0"),
        ratio(CASE, "Pyro", 2.5, prototype="2.9"),
        ratio(CASE, "NumPyro", 2.5, prototype="3.9"),
        ratio(CASE, "TFP", 2, prototype="2.2"),
        ratio(END, "Pyro", 2.5),
        ratio(END, "NumPyro", 2.5),
        ratio(END, "TFP", 2),
        Claim("import kldiv, milliseconds over python", 30, _import, at_least=False),
        Claim(
            "how many of scipy, matplotlib, sympy, torch._dynamo a fit loads",
            0,
            lambda found: found.best(CASE, "imported by kldiv", "count"),
            at_least=False,
        ),
    ],
    "nine tenths of kldiv's process import torch, and TFP's whole process takes 1.7 to 2.5 times "
    "as long as that import alone, as the machine goes. To the end of a process torch's modules "
    "are taken down: a fifth of the whole, of which TFP has none. It cannot be saved by freezing "
    "them (gc.freeze), as nothing that a script keeps is finalised then.",
)
