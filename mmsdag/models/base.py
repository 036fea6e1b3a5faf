"""What all models of this package share."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmagic.models.base_models import BaseEditModel
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapperDict
from torch import Tensor

from mmsdag.registry import MODELS

from .precision import autocast, check_amp_dtype

#: Images leave it as (N, 3, H, W), RGB, [0, 1].
DATA_PREPROCESSOR = dict(
    type='mmagic.DataPreprocessor',
    mean=[0.] * 3,
    std=[255.] * 3,
    output_channel_order='RGB',
    data_keys=[])


class UnsupervisedEditModel(BaseEditModel):
    """An editing model that learns without ground truth.

    Subclasses implement :meth:`losses`.

    Args:
        generator: Config of the network.
        amp_dtype: Precision of the convolutions: ``None`` (float32, or what
            ``AmpOptimWrapper`` sets), ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` (bfloat16 where the hardware has it). Works on a CPU
            too, where ``AmpOptimWrapper`` does not.
        train_cfg: Kept for mmagic's interface.
        test_cfg: Kept for mmagic's interface.
        data_preprocessor: Config; by default images become RGB, [0, 1].
        init_cfg: Initial weights of the whole model.
    """

    def __init__(self,
                 generator: dict,
                 amp_dtype: str | None = None,
                 train_cfg: dict | None = None,
                 test_cfg: dict | None = None,
                 data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        # Past BaseEditModel's own constructor, which insists on a pixel loss
        # against a ground truth.
        BaseModel.__init__(
            self,
            data_preprocessor=data_preprocessor or DATA_PREPROCESSOR,
            init_cfg=init_cfg)
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg
        self.amp_dtype = check_amp_dtype(amp_dtype, type(self).__name__)
        self.generator = MODELS.build(generator)

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Loss terms by name, all beginning with ``loss_``.

        Args:
            inputs: Images (N, 3, H, W), RGB, [0, 1].
        """
        raise NotImplementedError

    def forward_train(self,
                      inputs: Tensor,
                      data_samples: Any = None,
                      **kwargs: Any) -> dict[str, Tensor]:
        """Loss terms of a batch; see :meth:`losses`."""
        with autocast(self.amp_dtype, inputs.device):
            return self.losses(self._laid_out(inputs))

    def forward_tensor(self,
                       inputs: Tensor,
                       data_samples: Any = None,
                       **kwargs: Any) -> Tensor:
        """Edited images (N, 3, H, W), RGB, [0, 1], float32."""
        with autocast(self.amp_dtype, inputs.device):
            return self.edit(self._laid_out(inputs)).float()

    def edit(self, inputs: Tensor) -> Tensor:
        """The network's image output; ``inputs`` as in :meth:`losses`."""
        return self.generator.enhance(inputs)

    @staticmethod
    def _laid_out(inputs: Tensor) -> Tensor:
        # Convolutions on CPUs and tensor cores want channels last; the
        # layout spreads from the input through the network.
        return inputs.contiguous(memory_format=torch.channels_last)


def check_optimizers(optim_wrapper: Any, names: Sequence[str], owner: str,
                     schedule: str) -> None:
    """Refuse optimizers that a model with a step of its own cannot use.

    Args:
        optim_wrapper: What the runner hands to ``train_step``.
        names: The optimizers that there must be.
        owner: Name of the model, for the message.
        schedule: Config that has them, for the message.

    Raises:
        TypeError: If these are not the optimizers that there are.
    """
    if not (isinstance(optim_wrapper, OptimWrapperDict)
            and set(optim_wrapper.keys()) == set(names)):
        raise TypeError(f'optim_wrapper of {owner} must hold the optimizers '
                        f'{tuple(names)}: use configs/_base_/schedules/'
                        f'{schedule}')
