_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_ig.py',
    '../_base_/datasets/brackets_short.py',
    '../_base_/schedules/sci_500k.py',
]

# One network for all dark shots, instead of one for each: small crops in
# batches, at a higher rate, annealed.
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        shots='dark',
        min_size=96,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(96, 96)),
            dict(type='mmsdag.PackImages'),
        ],
    ),
)
train_cfg = dict(max_iters=1000)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=1e-5)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=200, max_keep_ckpts=1))
