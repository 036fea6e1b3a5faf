_base_ = '../../configs/_base_/default_runtime.py'
custom_imports = dict(imports=['mmsdag', 'helpers.tiny_training'])

model = dict(type='TinyModel')
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    dataset=dict(type='TinyDataset'),
    sampler=dict(type='ResumableSampler'),
)
train_cfg = dict(type='ResumableTrainLoop', max_iters=24)
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=1e-2, weight_decay=1e-4), clip_grad=dict(max_norm=0.1)
)
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=False, milestones=[7, 13], gamma=0.5),
    dict(type='CosineAnnealingLR', by_epoch=False, T_max=24),
]
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=4, max_keep_ckpts=2))
custom_hooks = [dict(type='EMAHook', momentum=0.1), dict(type='TraceHook')]

test_dataloader = dict(
    batch_size=1,
    dataset=dict(type='TinyDataset'),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_cfg = dict()
test_evaluator = dict(type='TinyMetric')
