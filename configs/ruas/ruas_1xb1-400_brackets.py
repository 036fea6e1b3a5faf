_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/ruas.py',
    '../_base_/datasets/brackets_ruas.py',
    '../_base_/datasets/brackets_test.py',
    '../_base_/schedules/ruas_800.py',
]

# Half of the authors' iterations, on smaller crops.
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
train_cfg = dict(max_iters=400)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=100, max_keep_ckpts=1))
