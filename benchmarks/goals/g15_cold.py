"""G15: from a fresh process to a fitted answer."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from collections.abc import Iterator, Mapping

from benchmarks.comparison import Claim, Goal, Record, Round, called, ratio

__all__ = ["GOAL"]

CASE = "fresh process"
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


def _run(code: str) -> str:
    """What a program prints; modules are compiled once, as those that pip installs are."""
    command, own = [sys.executable, "-c", code], os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
    return done.stdout


def _timed(programs: Mapping[str, str], turns: int = 5) -> Iterator[Record]:
    """Programs in turns, each in a process of its own; the first turn fills the disk's caches."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(turns + 1):
        for name, code in programs.items():
            taken, _ = called(lambda code=code: _run(PARTS + code))
            if turn:
                seconds[name].append(taken)
    for name, taken in seconds.items():
        yield {"case": CASE, "method": name, "seconds": statistics.median(taken)}


def kldiv_side(_: float) -> Iterator[Record]:
    """The fit, and the parts of it that are imports."""
    programs = {
        "kldiv": KLDIV,
        "import torch": "import torch",
        "import of kldiv": "import kldiv",
        "python": "",
    }
    yield from _timed(programs)
    loaded = _run(f"from sys import modules\n{PARTS}{KLDIV}{FOREIGN}").splitlines()[-1]
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
        Claim("import kldiv, milliseconds over python", 30, _import, at_least=False),
        Claim(
            "how many of scipy, matplotlib, sympy, torch._dynamo a fit loads",
            0,
            lambda found: found.best(CASE, "imported by kldiv", "count"),
            at_least=False,
        ),
    ],
    "of the time of `import torch`, which is all that kldiv takes: Pyro takes 2.6 times as long "
    "as that, and TFP 1.5 times, so that with torch neither can be beaten by more.",
)
