# Fine-tuning: minutes on one CPU core. The annealing ends with the training,
# whatever its number of iterations.
_base_ = 'blend_unet_8k.py'

train_cfg = dict(max_iters=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=20, eta_min=1e-6),
]
custom_hooks = [dict(type='EMAHook', momentum=0.01)]
