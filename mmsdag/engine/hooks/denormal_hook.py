"""Keep denormal numbers out of trained weights."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmsdag.registry import HOOKS
from mmsdag.utils.checkpoint import flush_denormals


@HOOKS.register_module()
class DenormalHook(Hook):
    """Set weights below 1e-30 to zero after each training step.

    Weight decay shrinks the filters that get no gradient geometrically, until
    they are denormal and slow the CPU down. Doing it after every step (0.2 ms
    for 70 tensors) rather than now and then keeps a resumed run equal to an
    uninterrupted one, wherever it was interrupted.
    """

    # After the averaging of EMAHook, before the saving.
    priority = 'LOW'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Flush the model's weights."""
        flush_denormals(runner.model)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Flush the saved weights, the averaged ones included."""
        flush_denormals(checkpoint['state_dict'])
        flush_denormals(checkpoint.get('ema_state_dict', {}))
