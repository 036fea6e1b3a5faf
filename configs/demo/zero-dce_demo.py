_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/zero_dce.py',
    '../_base_/datasets/folder_zero_dce.py',
    '../_base_/schedules/zero_dce_50k.py',
]

# tools/demo.py fills the folder.
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root='work_dirs/demo/photographs/dark',
        min_size=128,
        in_memory=True,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(128, 128)),
            dict(type='mmsdag.RandomFlip', direction='horizontal'),
            dict(type='mmsdag.PackImages'),
        ],
    ),
)

# Minutes instead of hours: few steps, at ten times the authors' rate at first.
train_cfg = dict(max_iters=150)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(type='CosineAnnealingLR', by_epoch=False, T_max=150)
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=20, max_keep_ckpts=1))
log_processor = dict(window_size=5)
