from .checkpoint import (
    check_finite,
    find_latest_checkpoint,
    flush_denormals,
    load_checkpoint,
    register_safe_loading,
    save_checkpoint,
)
from .files import AtomicLocalBackend, write_atomically

__all__ = [
    'AtomicLocalBackend',
    'check_finite',
    'find_latest_checkpoint',
    'flush_denormals',
    'load_checkpoint',
    'register_safe_loading',
    'save_checkpoint',
    'write_atomically',
]
