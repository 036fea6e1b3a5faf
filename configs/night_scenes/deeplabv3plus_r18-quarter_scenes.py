_base_ = [
    'mmseg::_base_/models/deeplabv3plus_r50-d8.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/night_scenes_segmentation.py',
]

# ResNet-18 with a quarter of the channels, from random weights.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size_divisor=32),
    pretrained=None,
    backbone=dict(
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        in_channels=128,
        channels=64,
        dilations=(1, 2, 4),
        c1_in_channels=16,
        c1_channels=16,
        num_classes=7,
        norm_cfg=norm_cfg,
        # The background is five sixths of the pixels.
        loss_decode=dict(class_weight=[0.4, 1, 1, 1, 1, 1, 1]),
    ),
    auxiliary_head=None,
)

train_cfg = dict(type='mmsdag.ResumableTrainLoop', max_iters=400)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=3e-3, weight_decay=1e-2))
param_scheduler = dict(type='OneCycleLR', by_epoch=False, eta_max=3e-3, total_steps=400)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=50, max_keep_ckpts=1))
