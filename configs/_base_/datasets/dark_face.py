# DARK FACE: 6,000 annotated photographs, of which its authors split none.
#
# Gives the first 5,400 to train on and the last 600 to test on (neighbors
# show the same street: a random split would leak), and mAP50 with the area
# under the precision-recall curve. With lists of your own set `ann_file` and
# `number_range=(None, None)`. Boxes without area are left out with a warning.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='mmdet.Resize', scale=(1500, 1000), keep_ratio=True),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(type='mmdet.PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.Resize', scale=(1500, 1000), keep_ratio=True),
    # After resizing, so that the boxes stay those of the photograph.
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(
        type='mmdet.PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        type='mmsdag.DarkFaceDataset',
        data_root='{{$MMSDAG_DARK_FACE:data/dark_face}}',
        number_range=(1, 5400),
        bad_boxes='skip',
        data_prefix=dict(img_path='image', ann_path='label'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.DarkFaceDataset',
        data_root='{{$MMSDAG_DARK_FACE:data/dark_face}}',
        number_range=(5401, 6000),
        bad_boxes='skip',
        data_prefix=dict(img_path='image', ann_path='label'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmdet.VOCMetric', metric='mAP', eval_mode='area')
test_evaluator = val_evaluator
