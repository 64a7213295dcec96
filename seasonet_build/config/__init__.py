"""The build description: what to build, from what, and where to."""

from seasonet_build.config.load import LoadedConfig, load_config
from seasonet_build.config.models import BuildConfig

__all__ = ["BuildConfig", "LoadedConfig", "load_config"]
