# NightCity, 19 classes: 2,998 images to train on, 1,299 to measure mIoU on.
# NightCity-fine: data_prefix img_path='val/img', seg_map_path='val/lbl' (and
# train/...), label_ids=False.
_base_ = './night_segmentation.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmseg.LoadAnnotations'),
    dict(type='RandomResize', scale=(1024, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='mmseg.RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmseg.PhotoMetricDistortion'),
    dict(type='mmseg.PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    # After Resize: labels are compared at their own size.
    dict(type='mmseg.LoadAnnotations'),
    dict(type='mmseg.PackSegInputs'),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='mmsdag.NightCityDataset',
        data_root='{{$MMSDAG_NIGHT_CITY:data/night_city}}',
        data_prefix=dict(
            img_path='NightCity-images/images/train', seg_map_path='NightCity-label/label/train'
        ),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='mmsdag.NightCityDataset',
        data_root='{{$MMSDAG_NIGHT_CITY:data/night_city}}',
        data_prefix=dict(
            img_path='NightCity-images/images/val', seg_map_path='NightCity-label/label/val'
        ),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
