"""What a divergence, a target and a family *are*, before anything is computed with them."""

__all__: list[str] = []
