"""A demonstration in minutes: what SDAG learns and what its guidance does."""
