# An experiment that fails, for docs/results.md: the reconstruction error alone
# guides a network that can change an image in any way.
_base_ = [
    '../_base_/default_runtime.py', '../_base_/models/blend_unet.py',
    '../_base_/datasets/brackets_short.py',
    '../_base_/schedules/blend_unet_8k.py'
]

model = dict(degradation=dict(keep=1.), pixel_weight=0.)
train_dataloader = dict(dataset=dict(shots='dark'))
train_cfg = dict(max_iters=200)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=20,
        T_max=180,
        eta_min=1e-6),
]
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint=_base_.sdag_checkpoint)
]
