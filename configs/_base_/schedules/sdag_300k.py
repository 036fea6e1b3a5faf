train_cfg = dict(type='ResumableTrainLoop', max_iters=300_000)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-4))
param_scheduler = dict(
    type='MultiStepLR',
    by_epoch=False,
    milestones=[20_000, 40_000, 60_000, 80_000, 100_000],
    gamma=0.5,
)
custom_hooks = [dict(type='EMAHook', momentum=0.001)]
