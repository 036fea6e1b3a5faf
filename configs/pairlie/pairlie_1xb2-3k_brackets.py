_base_ = 'pairlie_1xb2-1k_brackets.py'

train_cfg = dict(max_iters=3000)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=3000, eta_min=3e-6)
default_hooks = dict(checkpoint=dict(interval=600))
