_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_dce_pp.py',
    '../_base_/datasets/brackets_short.py',
    '../_base_/schedules/zero_dce_pp_25k.py',
]

# 25 k iterations in short: smaller crops at a higher rate, annealed.
train_cfg = dict(max_iters=1000)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=5e-6)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=200, max_keep_ckpts=1))
