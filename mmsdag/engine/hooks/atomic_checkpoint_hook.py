"""Checkpoints that survive a kill at any moment."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmsdag.registry import HOOKS
from mmsdag.utils.files import write_atomically


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, safe against being killed.

    MMEngine writes a checkpoint in place, then ``last_checkpoint`` in place,
    after it has removed the oldest one: a kill leaves half a file, an empty
    pointer or, with ``max_keep_ckpts=1``, nothing. Here the new checkpoint is
    whole on the disk before ``last_checkpoint`` names it, and that is done
    before an old one goes.

    Args:
        backend_args: Storage for the checkpoints; by default the local disk,
            written atomically, or what a remote ``out_dir`` implies.
        **kwargs: As for ``CheckpointHook``.
    """

    keep_ckpt_ids: deque[int]

    def __init__(self, backend_args: dict | None = None, **kwargs: Any) -> None:
        remote = '://' in str(kwargs.get('out_dir'))
        if backend_args is None and not remote:
            backend_args = dict(backend='atomic')
        super().__init__(backend_args=backend_args, **kwargs)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        outdated: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [*(i for i in self.keep_ckpt_ids if i != step), step]
            outdated = kept[: -self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_atomically(Path(runner.work_dir) / 'last_checkpoint', self.last_ckpt.encode())
        for old in outdated:
            path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):  # as DeepSpeed saves it
                self.file_backend.rmtree(path)
