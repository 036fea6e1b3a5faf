# GTSRB, 43 classes, 32x32 pixels: train on well-lit images, validate on dark
# ones of other tracks, test on dark test images.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmpretrain.Resize', scale=(32, 32)),
    dict(type='mmpretrain.Rotate', angle=12.0, prob=0.8, random_negative_prob=0.5),
    dict(type='mmpretrain.Shear', magnitude=0.15, prob=0.5, random_negative_prob=0.5),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=32,
        crop_ratio_range=(0.7, 1.0),
        aspect_ratio_range=(0.85, 1.18),
    ),
    dict(type='mmpretrain.ColorJitter', brightness=0.3, contrast=0.5, saturation=0.5, hue=0.03),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmpretrain.Resize', scale=(32, 32)),
    dict(type='mmpretrain.PackInputs'),
]
_data_root = '{{$MMSDAG_GTSRB:../shared/gtsrb}}'
_train = '{{$MMSDAG_GTSRB_TRAIN:train_bright}}'

train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmsdag.GTSRBDataset',
        data_root=_data_root,
        data_prefix=_train,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.GTSRBDataset',
        data_root=_data_root,
        data_prefix='{{$MMSDAG_GTSRB_DARK:train_dark_unlabelled}}',
        other_than=_train,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.GTSRBDataset',
        data_root=_data_root,
        ann_file='test_dark.txt',
        data_prefix='test_dark',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
test_evaluator = val_evaluator
