"""Layers: ordinary ``torch.nn.Module``s, one a file."""
