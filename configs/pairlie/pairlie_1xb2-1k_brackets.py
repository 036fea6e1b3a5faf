_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/pairlie.py',
    '../_base_/datasets/brackets_pairs.py',
]

# The authors' 400 epochs of 324 pairs of crops 128x128, one at a time at 1e-4,
# in short: a higher rate, annealed. The first gradients are so large that
# Adam's second moment, at 0.999 and without clipping, holds the projection at
# black for hundreds of iterations.
train_cfg = dict(type='ResumableTrainLoop', max_iters=1000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=3e-4, betas=(0.9, 0.99)),
    clip_grad=dict(max_norm=0.1),
)
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=3e-6)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=200, max_keep_ckpts=1))
