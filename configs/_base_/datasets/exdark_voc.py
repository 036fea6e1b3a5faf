# ExDark as VOC XML: the annotations of YOLA (NeurIPS 2024) and FRBNet.
#
# Gives train, val and test (3,000 / 1,800 / 2,563 images, the authors' split)
# and mAP50 with the area under the precision-recall curve, as those two report
# it; they train on train and report test. 608 pixels and the flip are
# YOLOv3's: protocols change the pipelines.
#
# Where the authors' imageclasslist.txt is there, too, the data samples of val
# and test have lighting and environment.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='mmdet.Resize', scale=(608, 608), keep_ratio=True),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(type='mmdet.PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.Resize', scale=(608, 608), keep_ratio=True),
    # After resizing, so that the boxes stay those of the photograph.
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(
        type='mmdet.PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'lighting',
            'environment',
        ),
    ),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmdet.AspectRatioBatchSampler'),
    dataset=dict(
        type='mmsdag.ExDarkDataset',
        data_root='{{$MMSDAG_EXDARK:data/exdark}}',
        ann_file='train.txt',
        data_prefix=dict(img_path='JPEGImages', ann_path='Annotations'),
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
        type='mmsdag.ExDarkDataset',
        data_root='{{$MMSDAG_EXDARK:data/exdark}}',
        ann_file='val.txt',
        data_prefix=dict(img_path='JPEGImages', ann_path='Annotations'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.ExDarkDataset',
        data_root='{{$MMSDAG_EXDARK:data/exdark}}',
        ann_file='test.txt',
        data_prefix=dict(img_path='JPEGImages', ann_path='Annotations'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

val_evaluator = dict(type='mmdet.VOCMetric', metric='mAP', eval_mode='area')
test_evaluator = val_evaluator
