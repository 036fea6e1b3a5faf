# ACDC at night, 19 classes: 400 images to train on, 106 to measure mIoU on.
_base_ = './night_segmentation.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmseg.LoadAnnotations'),
    dict(type='RandomResize', scale=(1920, 1080), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='mmseg.RandomCrop', crop_size=(512, 1024), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmseg.PhotoMetricDistortion'),
    dict(type='mmseg.PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1920, 1080), keep_ratio=True),
    # After Resize: labels are compared at their own size.
    dict(type='mmseg.LoadAnnotations'),
    dict(type='mmseg.PackSegInputs'),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmsdag.ACDCNightDataset',
        data_root='{{$MMSDAG_ACDC:data/acdc}}',
        data_prefix=dict(img_path='rgb_anon/night/train', seg_map_path='gt/night/train'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='mmsdag.ACDCNightDataset',
        data_root='{{$MMSDAG_ACDC:data/acdc}}',
        data_prefix=dict(img_path='rgb_anon/night/val', seg_map_path='gt/night/val'),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
# The labels of its own split 'test' are not public.
test_dataloader = val_dataloader
