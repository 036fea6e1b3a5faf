_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/sci.py',
    '../_base_/datasets/brackets_short.py',
    '../_base_/schedules/sci_500k.py',
]

# 500 k iterations in short: crops of the dark shots in batches, at a higher
# rate, annealed.
train_dataloader = dict(dataset=dict(shots='dark'))
train_cfg = dict(max_iters=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=1e-5)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=200, max_keep_ckpts=1))
