"""
Settings: environment variables, the platform's older names and one YAML file, as one `Config`.

Nothing else in the package reads the environment.
"""

from __future__ import annotations

from eai_autotrace.config.load import Loaded, Problem, load, variables
from eai_autotrace.config.otlp import Otlp
from eai_autotrace.config.settings import Config

__all__ = ["Config", "Loaded", "Otlp", "Problem", "load", "variables"]
