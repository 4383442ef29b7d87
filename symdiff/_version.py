"""The version, in the one place that setuptools, the CLI and generated headers read."""

__version__ = "0.1.0"
