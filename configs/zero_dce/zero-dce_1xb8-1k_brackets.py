_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_dce.py',
    '../_base_/datasets/brackets_zero_dce.py',
    '../_base_/datasets/brackets_test.py',
    '../_base_/schedules/zero_dce_50k.py',
]

# 50 k iterations in short: smaller crops at a higher rate, annealed.
train_dataloader = dict(
    dataset=dict(
        min_size=128,
        in_memory=True,
        pipeline=[
            dict(type='LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(128, 128)),
            dict(type='mmsdag.PackImages'),
        ],
    )
)
train_cfg = dict(max_iters=1000)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=5e-6)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=200, max_keep_ckpts=1))
