"""A plugin for tests that is whole but for one item, which breaks a law."""

__all__ = ["HEAVY"]

HEAVY = """
    import kldiv
    from torch.distributions import Normal

    class Heavy(Normal):
        def log_prob(self, value):
            return super().log_prob(value) + 0.05

    @kldiv.hookimpl
    def kldiv_targets():
        return {
            "heavy": lambda: Heavy(0.0, 1.0),
            "unit": "kldiv.builtin.targets.normal:normal",
        }
"""
