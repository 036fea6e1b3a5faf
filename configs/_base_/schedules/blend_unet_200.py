# Minutes on one CPU core, annealed; the averaged weights are the result.
train_cfg = dict(type='ResumableTrainLoop', max_iters=200)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, end=20),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=20,
        T_max=180,
        eta_min=1e-6),
]
custom_hooks = [dict(type='EMAHook', momentum=0.02)]
