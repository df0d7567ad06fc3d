"""Fits in files that hold data only: tensors, and what they are in JSON.

A file is in the format of safetensors. Its tensors are the parameters, the history and so on; its
metadata holds, under one key, a JSON document that says what each of them is. Distributions are
written as the names of classes of ``torch.distributions`` with their arguments, families and
divergences as registered names with theirs. Nothing else is ever made from a file, so none can
make a program run; and what is neither, a function or a class of the user, is described, to be
given back by whoever loads the fit.
"""

__all__: list[str] = []
