from .checkpoint import (
    find_latest_checkpoint,
    flush_denormals,
    load_checkpoint,
    register_safe_loading,
    save_checkpoint,
)
from .files import AtomicLocalBackend, write_atomically

__all__ = [
    'AtomicLocalBackend', 'find_latest_checkpoint', 'flush_denormals',
    'load_checkpoint', 'register_safe_loading', 'save_checkpoint',
    'write_atomically'
]
