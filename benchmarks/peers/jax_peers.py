"""NumPyro, BlackJAX and TFP on JAX: compiled scans, their compilation timed apart."""

from __future__ import annotations

import time

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.arrivals import arrivals
from benchmarks.comparison import Record
from benchmarks.peers.settings import Setting
from benchmarks.problems.shared import Array, Problem

__all__ = ["blackjax_vi", "numpyro_svi", "tfp_vi"]

Parameters = tuple[Array, Array]


def numpyro_svi(
    problem: Problem, setting: Setting, budget: float, *, full: bool, call: bool = False
) -> Record:
    """NumPyro's SVI with an automatic guide, warm, and what one call of ``run`` takes if asked."""
    import numpyro
    import numpyro.distributions as dist

    from numpyro.infer import SVI, Trace_ELBO, init_to_value
    from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

    size = problem.dimension
    shape, support = ((), dist.constraints.real)
    if size > 1:
        shape, support = (size,), dist.constraints.real_vector  # type: ignore[assignment]
    density = problem.log_density(jnp, "float32")

    def model() -> None:
        z = numpyro.sample("z", dist.ImproperUniform(support, (), shape))
        numpyro.factor("log_density", density(z))

    kind = AutoMultivariateNormal if full else AutoNormal
    start = init_to_value(values={"z": jnp.zeros(shape)})
    guide = kind(model, init_loc_fn=start, init_scale=problem.start)
    svi = SVI(model, guide, optax.adam(_rate(setting)), Trace_ELBO(num_particles=setting.draws))
    names = ("auto_loc", "auto_scale_tril") if full else ("z_auto_loc", "z_auto_scale")

    def parameters(state: Any) -> Parameters:  # noqa: ANN401 (a state of SVI)
        found = svi.get_params(state)
        return np.atleast_1d(found[names[0]]), np.atleast_1d(found[names[1]])

    began = time.perf_counter()
    if call:
        svi.run(jax.random.PRNGKey(0), setting.steps, progress_bar=False)
    called = time.perf_counter() - began
    state = svi.init(jax.random.PRNGKey(0))
    record = _driven(
        problem, setting, budget, full, state, lambda s, _: svi.update(s)[0], parameters
    )
    return record | ({"call": called} if call else {})


def blackjax_vi(problem: Problem, setting: Setting, budget: float, *, full: bool) -> Record:
    """BlackJAX's mean-field and full-rank variational inference, warm."""
    import blackjax

    size, log_scale = problem.dimension, float(np.log(problem.start))
    density = problem.log_density(jnp, "float32")
    own = (lambda x: density(x[0])) if size == 1 else density
    kind = blackjax.fullrank_vi if full else blackjax.meanfield_vi
    method = kind(own, optax.adam(_rate(setting)), setting.draws)
    state = method.init(jnp.zeros(size))
    if full:
        entries = jnp.zeros_like(state.chol_params).at[:size].set(log_scale)
        state = state._replace(chol_params=entries)
    else:
        state = state._replace(rho=jnp.full(size, log_scale, jnp.float32))

    def parameters(state: Any) -> Parameters:  # noqa: ANN401 (a state of BlackJAX)
        if not full:
            return np.asarray(state.mu), np.exp(np.asarray(state.rho, float))
        entries = np.asarray(state.chol_params, float)
        root = np.diag(np.exp(entries[:size]))
        root[np.tril_indices(size, -1)] = entries[size:]
        return np.asarray(state.mu), root

    def step(state: Any, key: Any) -> Any:  # noqa: ANN401
        return method.step(key, state)[0]

    return _driven(problem, setting, budget, full, state, step, parameters)


def tfp_vi(problem: Problem, setting: Setting, budget: float, *, full: bool) -> Record:
    """TFP's variational loss with Adam: the step of its fit_surrogate_posterior, warm."""
    from tensorflow_probability.substrates import jax as tfp

    size, optimizer = problem.dimension, optax.adam(_rate(setting))
    density = problem.log_density(jnp, "float32")
    target = (lambda x: density(x[..., 0])) if size == 1 else density
    distributions = tfp.distributions

    def member(values: Any) -> Any:  # noqa: ANN401
        if not full:
            return distributions.MultivariateNormalDiag(values[0], jnp.exp(values[1]))
        root = jnp.diag(jnp.exp(values[1])) + jnp.tril(values[2], -1)
        return distributions.MultivariateNormalTriL(values[0], root)

    def loss(values: Any, key: Any) -> Any:  # noqa: ANN401
        return tfp.vi.monte_carlo_variational_loss(
            target, member(values), sample_size=setting.draws, seed=key
        )

    def step(state: Any, key: Any) -> Any:  # noqa: ANN401
        values, inner = state
        updates, inner = optimizer.update(jax.grad(loss)(values, key), inner, values)
        return optax.apply_updates(values, updates), inner

    def parameters(state: Any) -> Parameters:  # noqa: ANN401
        values = [np.asarray(each, float) for each in state[0]]
        scale = np.exp(values[1])
        return values[0], np.diag(scale) + np.tril(values[2], -1) if full else scale

    log_scale = jnp.full(size, float(np.log(problem.start)))
    values = (jnp.zeros(size), log_scale, *((jnp.zeros((size, size)),) if full else ()))
    state = (values, optimizer.init(values))
    return _driven(problem, setting, budget, full, state, step, parameters)


def _rate(setting: Setting) -> Any:  # noqa: ANN401 (a number or a schedule)
    if setting.last == 1:
        return setting.rate
    return optax.exponential_decay(setting.rate, setting.steps, setting.last)


def _driven(  # noqa: PLR0913
    problem: Problem,
    setting: Setting,
    budget: float,
    full: bool,
    state: Any,  # noqa: ANN401
    step: Callable[[Any, Any], Any],
    parameters: Callable[[Any], Parameters],
    chunk: int = 50,
) -> Record:
    """Steps in compiled chunks, the parameters scored after each; compilation is not timed."""

    @jax.jit
    def run(state: Any, key: Any) -> Any:  # noqa: ANN401
        keys = jax.random.split(key, chunk)
        return jax.lax.scan(lambda s, k: (step(s, k), None), state, keys)[0]

    key = jax.random.PRNGKey(0)
    began = time.perf_counter()
    jax.block_until_ready(run(state, key))
    compiled = time.perf_counter() - began
    steps, spent, after = 0, 0.0, 1
    seconds, evaluations, excess = [], [], []
    while steps < setting.steps and spent < budget:
        key, own = jax.random.split(key)
        began = time.perf_counter()
        state = jax.block_until_ready(run(state, own))
        spent += time.perf_counter() - began
        steps += chunk
        if steps >= after:
            mean, scale = (np.asarray(each, float) for each in parameters(state))
            with np.errstate(all="ignore"):
                excess.append(problem.excess(mean, scale, full))
            seconds.append(spent)
            evaluations.append(steps * setting.draws)
            after = int(steps * 1.04)
    return arrivals(seconds, excess, evaluations) | {"compiled": compiled}
