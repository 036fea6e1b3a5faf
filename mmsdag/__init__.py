import mmsdag.registry  # noqa: F401  (creates the child registries)
from mmsdag.utils.checkpoint import register_safe_loading

register_safe_loading()
