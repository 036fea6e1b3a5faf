# Short, at a high rate, annealed; the averaged weights are the result.
train_cfg = dict(type='ResumableTrainLoop', max_iters=8172)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, T_max=8072, eta_min=1e-6),
]
custom_hooks = [dict(type='EMAHook', momentum=0.002)]
