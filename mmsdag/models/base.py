"""Base of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapperDict
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmsdag.registry import MODELS

from .precision import autocast, check_amp_dtype

#: Images leave it as (N, 3, H, W), RGB, [0, 1].
DATA_PREPROCESSOR = dict(type='mmsdag.ImageDataPreprocessor')


class UnsupervisedEditModel(BaseModel):
    """Model that outputs images and learns without ground truth.

    Subclasses implement :meth:`losses`. ``data_preprocessor`` and data
    samples may be mmagic's as well.

    Args:
        generator: Config of the network.
        amp_dtype: Precision of the convolutions: ``None`` (float32, or what
            ``AmpOptimWrapper`` sets), ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` (bfloat16 where the hardware has it). Works on a CPU
            too, where ``AmpOptimWrapper`` does not.
        train_cfg: Not used; part of mmagic's interface.
        test_cfg: Not used; part of mmagic's interface.
        data_preprocessor: Config; by default images become RGB, [0, 1].
        init_cfg: Initial weights of the whole model.
        **parts: Configs of the parts in :attr:`PARTS`.

    Raises:
        TypeError: For an argument that the model does not have.
    """

    #: Losses and further networks: arguments of the model, and the configs
    #: that are their defaults. Each part is built as the attribute of its name.
    PARTS: Mapping[str, dict] = {}

    def __init__(
        self,
        generator: dict,
        amp_dtype: str | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
        **parts: dict | None,
    ) -> None:
        unknown = parts.keys() - self.PARTS.keys()
        if unknown:
            raise TypeError(f'{type(self).__name__} has no argument {sorted(unknown)[0]!r}')
        super().__init__(
            data_preprocessor=data_preprocessor or DATA_PREPROCESSOR, init_cfg=init_cfg
        )
        self.train_cfg = train_cfg
        self.test_cfg = test_cfg
        self.amp_dtype = check_amp_dtype(amp_dtype, type(self).__name__)
        self.generator = MODELS.build(generator)
        for name, default in self.PARTS.items():
            setattr(self, name, MODELS.build(parts.get(name) or default))

    def forward(
        self, inputs: Any, data_samples: Any = None, mode: str = 'tensor', **kwargs: Any
    ) -> Any:
        """Run the model on a batch of the data preprocessor.

        Args:
            inputs: Images (N, 3, H, W), RGB, [0, 1], or a dict whose ``img``
                they are.
            data_samples: The images' data samples.
            mode: ``'loss'``: see :meth:`forward_train`; ``'tensor'``: see
                :meth:`forward_tensor`; ``'predict'``: see
                :meth:`forward_inference`.
            **kwargs: Further arguments of these methods.

        Raises:
            ValueError: If ``mode`` is something else.
        """
        if isinstance(inputs, Mapping):
            inputs = inputs['img']
        if mode == 'loss':
            return self.forward_train(inputs, data_samples, **kwargs)
        if mode == 'tensor':
            return self.forward_tensor(inputs, data_samples, **kwargs)
        if mode == 'predict':
            return self.forward_inference(inputs, data_samples, **kwargs)
        raise ValueError(
            f"mode={mode!r} of {type(self).__name__}: choose 'loss', 'tensor' or 'predict'"
        )

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute loss terms; their names begin with ``loss_``.

        Args:
            inputs: Images (N, 3, H, W), RGB, [0, 1].
        """
        raise NotImplementedError

    def forward_train(
        self, inputs: Tensor, data_samples: Any = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss terms of a batch; see :meth:`losses`."""
        with autocast(self.amp_dtype, inputs.device):
            return self.losses(self._laid_out(inputs))

    def forward_tensor(self, inputs: Tensor, data_samples: Any = None, **kwargs: Any) -> Tensor:
        """Compute edited images (N, 3, H, W), RGB, [0, 1], float32."""
        with autocast(self.amp_dtype, inputs.device):
            return self.edit(self._laid_out(inputs)).float()

    def forward_inference(
        self, inputs: Tensor, data_samples: Any = None, **kwargs: Any
    ) -> list[BaseDataElement]:
        """Return the data samples with the images that metrics compare.

        Each gets ``input`` and ``output.pred_img``, (3, H, W), BGR,
        [0, 255], float32; the output is on the CPU.
        """
        restore = self.data_preprocessor.destruct
        enhanced = restore(self.forward_tensor(inputs, data_samples, **kwargs), data_samples)
        originals = restore(inputs, data_samples)
        # mmagic's data preprocessor stacks the samples.
        samples = data_samples.split() if hasattr(data_samples, 'split') else data_samples
        for sample, original, image in zip(samples, originals, enhanced):
            sample.input = original
            sample.output = type(sample)(pred_img=image.cpu())
        return samples

    def edit(self, inputs: Tensor) -> Tensor:
        """Return the network's images; ``inputs`` as in :meth:`losses`."""
        return self.generator.enhance(inputs)

    @staticmethod
    def _laid_out(inputs: Tensor) -> Tensor:
        # Convolutions on CPUs and tensor cores want channels last; the
        # layout spreads from the input through the network.
        return inputs.contiguous(memory_format=torch.channels_last)


def check_optimizers(optim_wrapper: Any, names: Sequence[str], owner: str, schedule: str) -> None:
    """Check the optimizers of a model with its own ``train_step``.

    Args:
        optim_wrapper: The argument of ``train_step``.
        names: Names of the required optimizers.
        owner: Name of the model, for the message.
        schedule: Config with these optimizers, for the message.

    Raises:
        TypeError: If ``optim_wrapper`` has other optimizers.
    """
    if not (
        isinstance(optim_wrapper, OptimWrapperDict) and set(optim_wrapper.keys()) == set(names)
    ):
        raise TypeError(
            f'optim_wrapper of {owner} must hold the optimizers {tuple(names)}: use '
            f'configs/_base_/schedules/{schedule}'
        )


def are_dark(inputs: Tensor, data_samples: Any) -> Tensor:
    """Return ``is_dark`` of each data sample, (N,); False if it is missing.

    Args:
        inputs: The batch, (N, ...), for its size and device.
        data_samples: A list, mmagic's stacked data sample, or ``None``.
    """
    samples: Sequence = (
        data_samples.split() if hasattr(data_samples, 'split') else data_samples or ()
    )
    flags = [bool(sample.get('is_dark', False)) for sample in samples]
    return torch.tensor(flags or [False] * len(inputs), device=inputs.device)
