# An experiment that fails, for docs/experiments.md: the reconstruction error alone
# guides a network that can change an image in any way.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet.py',
    '../_base_/datasets/brackets_short.py',
    '../_base_/schedules/blend_unet_200.py',
]

model = dict(degradation=dict(keep=1.0), pixel_weight=0.0)
train_dataloader = dict(dataset=dict(shots='dark'))
custom_hooks = [dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint)]
