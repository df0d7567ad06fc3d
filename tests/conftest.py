"""What all tests share: one thread, so that they can run side by side."""

import torch

torch.set_num_threads(1)
